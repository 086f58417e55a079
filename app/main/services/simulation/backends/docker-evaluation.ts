/**
 * One evaluation in a container that is already there. All that its judge writes is read from the engine, which keeps
 * it: so a connection may break, an engine be restarted, this process end and another come, and nothing is missed or told
 * twice. Only a cancel ends the container.
 */
import { CrusaderError } from "../../../../common/errors.ts";
import type { Event, Failure, Note } from "../../../../common/events.ts";
import { type ContainerState, type Engine, isUnreachable } from "../../engine/index.ts";
import type { Ending, Evaluation, Listener } from "../backend.ts";
import { cancelledFailure, type Fallback, JudgeEvents, withoutVerdict } from "../judge-events.ts";
import { LAUNCHER_COMMAND, RANKS_USER } from "./container-options.ts";

export type ContainerToFollow = {
  engine: Engine;
  /** Of the container, and of its network where it has one. */
  name: string;
  hasNetwork: boolean;
  fallback: Fallback;
  /** Launched by this process just now. */
  isNew: boolean;
  /** As the engine was when the run was planned; another one may have its name by now. */
  engineId: string;
  notes: Note[];
};

/** Of the judge's to end its ranks and write its result; then the engine kills. */
const CANCEL_GRACE_SECONDS = 2;
/** A cancel that the engine has not carried out by then is carried out at the next start. */
const GIVE_UP_MS = 4500;
/** After its result the judge has nothing left to do but to exit. */
const EXIT_GRACE_MS = 5000;
/** A connection that died without a word is noticed by asking on another. */
const WATCH_EVERY_MS = 10_000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5000;
const LAUNCHER_NOTE = "waiting_for_launcher";

export class DockerEvaluation implements Evaluation {
  readonly done: Promise<Ending>;
  readonly #container: ContainerToFollow;
  readonly #listener: Listener;
  readonly #events: JudgeEvents;
  readonly #gaveUp = Promise.withResolvers<"gave up">();
  readonly #timers = new Set<NodeJS.Timeout>();
  /** Ends what is being waited for: the stream, or a pause. */
  #waiting = new AbortController();
  #outputBytes = 0;
  #launcher: "not due" | "due" | "started" = "not due";
  #isNew: boolean;
  #cancelled = false;
  #detached = false;

  constructor(container: ContainerToFollow, listener: Listener) {
    this.#container = container;
    this.#isNew = container.isNew;
    this.#listener = listener;
    this.#events = new JudgeEvents({
      fallback: container.fallback,
      onEvent: (event) => this.#take(event),
      onResult: () => this.#after(EXIT_GRACE_MS, () => this.#remove()),
      onReject: () => this.#remove(),
    });
    this.done = this.#run();
  }

  cancel(): void {
    if (this.#cancelled) return;
    this.#giveUpLater();
    const { engine, name } = this.#container;
    // Whatever fails is seen by who reads.
    engine.stop(name, CANCEL_GRACE_SECONDS).catch(() => {});
  }

  kill(): void {
    this.#giveUpLater();
    this.#remove();
  }

  detach(): void {
    this.#detached = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#waiting.abort();
  }

  async #run(): Promise<Ending> {
    const state = await Promise.race([this.#followToEnd(), this.#gaveUp.promise]);
    if (this.#detached) return new Promise<never>(() => {});
    for (const timer of this.#timers) clearTimeout(timer);
    this.#waiting.abort();
    const said = this.#events.result(() => this.#silence(state));
    // The judge cannot tell who sent the signal.
    const result =
      said.outcome === "cancelled" && !this.#cancelled
        ? withoutVerdict(this.#stoppedByOthers(), this.#container.fallback)
        : said;
    return { result, ended: [], notes: [...this.#container.notes, ...(await this.#cleanUp())] };
  }

  /** How the container ended, once all it wrote was read; null where it is gone. */
  async #followToEnd(): Promise<ContainerState | null> {
    for (let pauseMs = FIRST_PAUSE_MS; !this.#detached; ) {
      this.#waiting = new AbortController();
      try {
        if (!this.#isNew) await this.#expectEngine();
        this.#isNew = false;
        this.#listener.contact?.(null);
        const readAll = await this.#follow();
        const state = await this.#container.engine.container(this.#container.name);
        if (state === null || (readAll && !state.running)) return state;
        pauseMs = FIRST_PAUSE_MS;
      } catch (error) {
        if (this.#detached) break;
        if (isUnreachable(error)) this.#listener.contact?.((error as Error).message);
        if (!isUnreachable(error) && !this.#waiting.signal.aborted) {
          const state = await this.#container.engine.container(this.#container.name).catch(() => undefined);
          // Removed while it was being read.
          if (state === null) return null;
        }
        pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
      }
      await this.#pause(pauseMs);
    }
    return null;
  }

  /** Another engine under the same name knows nothing of the container: that says nothing. */
  async #expectEngine(): Promise<void> {
    const { engine, engineId } = this.#container;
    const { id } = await engine.facts();
    if (id === engineId) return;
    const hint = "Make the name stand for the engine it stood for when the run began.";
    throw new CrusaderError("engine_unreachable", `${engine.endpoint.name} is another engine now.`, hint);
  }

  /** Reads from the beginning on and tells what was not told yet; whether that was all there will be. */
  async #follow(): Promise<boolean> {
    const { engine, name } = this.#container;
    const { signal } = this.#waiting;
    let known = this.#outputBytes;
    this.#events.beginAnew();
    const watch = setInterval(() => void this.#watch(), WATCH_EVERY_MS);
    try {
      // What was asked for before the connection broke.
      void this.#startLauncher();
      await engine.follow(
        name,
        (stream, bytes) => {
          if (stream === "stdout") {
            this.#events.push(bytes);
            return;
          }
          const skipped = Math.min(known, bytes.length);
          known -= skipped;
          if (skipped === bytes.length) return;
          this.#outputBytes += bytes.length - skipped;
          this.#listener.output(bytes.subarray(skipped));
        },
        signal,
      );
      return true;
    } finally {
      clearInterval(watch);
    }
  }

  /** Ends a stream that has gone quiet because nobody is at the other end any more. */
  async #watch(): Promise<void> {
    const { signal } = this.#waiting;
    const ended = await this.#container.engine.container(this.#container.name).then(
      (state) => state === null || !state.running,
      () => true,
    );
    if (ended && !signal.aborted) this.#after(EXIT_GRACE_MS, () => !this.#detached && this.#wake(signal));
  }

  #wake(signal: AbortSignal): void {
    if (this.#waiting.signal === signal) this.#waiting.abort();
  }

  #take(event: Event): void {
    if (event.type === "note" && event.id === LAUNCHER_NOTE) {
      this.#launcher = "due";
      void this.#startLauncher();
    } else if (this.#launcher === "due") {
      // The judge has gone on: an earlier process started it.
      this.#launcher = "started";
    }
    this.#listener.event(event);
  }

  /** The ranks' launcher, beside the judge and as another user; once, whoever asks. */
  async #startLauncher(): Promise<void> {
    const { engine, name } = this.#container;
    if (this.#launcher !== "due") return;
    try {
      const state = await engine.container(name);
      if (state === null || !state.running || (await engine.hasExecuted(state)) || this.#launcher !== "due") return;
      this.#launcher = "started";
      await engine.execute(name, RANKS_USER, LAUNCHER_COMMAND);
    } catch (error) {
      if (isUnreachable(error)) {
        this.#launcher = "due";
        return;
      }
      const { message, hint, detail } = error as CrusaderError;
      this.#events.fail(
        this.#events.failure({
          kind: "environment",
          fault: "environment",
          message: `The ranks could not be started in the container: ${message}`,
          hint,
          detail,
        }),
      );
      this.#remove();
    }
  }

  #remove(): void {
    this.#container.engine.removeContainer(this.#container.name).catch(() => {});
  }

  #giveUpLater(): void {
    if (this.#cancelled) return;
    this.#cancelled = true;
    this.#after(GIVE_UP_MS, () => this.#gaveUp.resolve("gave up"));
  }

  #after(milliseconds: number, action: () => void): void {
    this.#timers.add(setTimeout(action, milliseconds));
  }

  async #pause(milliseconds: number): Promise<void> {
    if (this.#waiting.signal.aborted) this.#waiting = new AbortController();
    const { signal } = this.#waiting;
    if (this.#detached) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      signal.addEventListener("abort", () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #stoppedByOthers(): Failure {
    return this.#events.failure({
      kind: "environment",
      fault: "environment",
      message: "The container was stopped before its verdict, and not from here.",
      hint: "The engine was stopped or restarted, or somebody stopped the container. Run it again.",
    });
  }

  /** Why there is no verdict. */
  #silence(state: ContainerState | null | "gave up"): Failure {
    if (this.#cancelled) return cancelledFailure(this.#events.stage);
    const environment = (message: string, hint: string, detail = "") =>
      this.#events.failure({ kind: "environment", fault: "environment", message, hint, detail });
    if (state === null || state === "gave up") {
      return environment(
        "The container is gone from the engine, before its verdict.",
        "Somebody removed it, or the engine's data was reset. Run it again.",
      );
    }
    if (state.outOfMemory) {
      return this.#events.failure({
        kind: "memory",
        fault: "environment",
        message: "The container ran out of memory before its verdict.",
        hint: "The profile's docker.memory_limit is its limit, the host's free memory another.",
      });
    }
    if (state.exitCode > 128) {
      return environment(
        `The container was ended by signal ${state.exitCode - 128} before its verdict.`,
        "The engine was stopped, somebody killed it, or the host ran out of memory. Run it again.",
        state.error,
      );
    }
    return this.#events.failure({
      kind: "internal",
      fault: "workbench",
      message: `The judge ended with status ${state.exitCode} before its verdict.`,
      hint: "The end of the run's output says why. Building the image anew repairs a broken one.",
      detail: state.error,
    });
  }

  /** What is said of it: where the run was cancelled, and where something may be left. */
  async #cleanUp(): Promise<Note[]> {
    const { engine, name, hasNetwork } = this.#container;
    const note = (level: Note["level"], id: string, message: string): Note => ({ level, id, message, line: null });
    try {
      const wasThere = await engine.removeContainer(name);
      const networkWasThere = hasNetwork && (await engine.removeNetwork(name));
      const removed = [...(wasThere ? [`container ${name}`] : []), ...(networkWasThere ? [`network ${name}`] : [])];
      return this.#cancelled && removed.length > 0
        ? [note("info", "container_removed", `Removed: ${removed.join(", ")}.`)]
        : [];
    } catch (error) {
      const { message } = error as Error;
      return [note("warning", "container_left", `Container ${name} is removed at the next start: ${message}`)];
    }
  }
}
