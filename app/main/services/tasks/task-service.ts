/** Long work that is not a run. One wrapper starts every task, so that its end is always recorded. */
import type { ErrorReport } from "../../../common/errors.ts";
import { CrusaderError } from "../../../common/errors.ts";
import type { Task } from "../../../common/tasks.ts";
import { Revision } from "../streams/index.ts";

export type TaskUpdate = { detail: string; fraction: number | null };

const MAX_ENDED = 50;

export class TaskService {
  readonly #now: () => number;
  readonly #revision = new Revision();
  /** Newest first. */
  #tasks: { task: Task; controller: AbortController; done: Promise<void> }[] = [];
  #started = 0;

  /** `now`: milliseconds since 1970. */
  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /**
   * Starts `work` and returns at once. A task of that kind that is running already is returned instead. `work` ends by
   * throwing the signal's reason once it is aborted.
   */
  start(
    kind: Task["kind"],
    title: string,
    work: (update: (update: TaskUpdate) => void, signal: AbortSignal) => Promise<unknown>,
  ): Task {
    const running = this.#tasks.find(({ task }) => task.kind === kind && task.state === "running");
    if (running !== undefined) return running.task;
    const controller = new AbortController();
    const entry = {
      task: {
        id: String(++this.#started),
        kind,
        title,
        state: "running",
        detail: "",
        fraction: null,
        startedAt: this.#time(),
        finishedAt: null,
        error: null,
      } as Task,
      controller,
      done: Promise.resolve(),
    };
    const change = (fields: Partial<Task>) => {
      entry.task = { ...entry.task, ...fields };
      this.#revision.advance();
    };
    const end = (state: Task["state"], error: ErrorReport | null) =>
      change({ state, error, finishedAt: this.#time(), ...(state === "succeeded" ? { fraction: 1 } : {}) });
    entry.done = Promise.resolve()
      .then(() => work(change, controller.signal))
      .then(
        () => end("succeeded", null),
        (error: unknown) =>
          controller.signal.aborted && error === controller.signal.reason
            ? end("cancelled", null)
            : end("failed", reportOf(error)),
      );
    const ended = this.#tasks.filter(({ task }) => task.state !== "running").slice(0, MAX_ENDED);
    this.#tasks = [entry, ...this.#tasks.filter((other) => other.task.state === "running" || ended.includes(other))];
    this.#revision.advance();
    return entry.task;
  }

  /** Newest first. */
  list(): Task[] {
    return this.#tasks.map(({ task }) => task);
  }

  watch(signal: AbortSignal | undefined): AsyncGenerator<Task[]> {
    return this.#revision.watch(() => this.list(), signal);
  }

  /** Returns when it has ended. Throws `not_found`. */
  async cancel(taskId: string): Promise<Task> {
    const entry = this.#tasks.find(({ task }) => task.id === taskId);
    if (entry === undefined) throw new CrusaderError("not_found", `There is no task ${taskId}.`);
    entry.controller.abort();
    await entry.done;
    return entry.task;
  }

  /** Cancels what runs; returns when it has ended. */
  async close(): Promise<void> {
    for (const { controller } of this.#tasks) controller.abort();
    await Promise.all(this.#tasks.map(({ done }) => done));
  }

  #time(): string {
    return new Date(this.#now()).toISOString();
  }
}

function reportOf(error: unknown): ErrorReport {
  if (error instanceof CrusaderError) return error.report();
  return {
    code: "internal",
    message: "Crusader itself failed.",
    hint: "Please report it with the detail below.",
    detail: error instanceof Error ? (error.stack ?? error.message) : String(error),
  };
}
