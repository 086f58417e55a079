/** Builds as tasks of one host: one at a time, with what a window shows of it, and its log. */

import { CrusaderError } from "../../../common/errors.ts";
import type { BuildView } from "../../../common/images.ts";
import type { Task } from "../../../common/tasks.ts";
import type { TaskService } from "../tasks/index.ts";
import type { ImageRequest, ImageService } from "./image-service.ts";

const KEPT_LOG_CHARACTERS = 1024 * 1024;

type Kept = { view: Omit<BuildView, "state" | "finishedAt" | "error">; log: string; leftOut: number };

export class ImageBuilds {
  readonly #images: ImageService;
  readonly #tasks: TaskService;
  #last: Kept | null = null;

  constructor({ images, tasks }: { images: ImageService; tasks: TaskService }) {
    this.#images = images;
    this.#tasks = tasks;
  }

  /** Begins; returns the task that does the very same already, if there is one. Throws `busy` while another is built. */
  async start(request: ImageRequest): Promise<Task> {
    const { engine, reference } = await this.#images.target(request);
    const running = this.#tasks.list().find(({ kind, state }) => kind === "image_build" && state === "running");
    if (running !== undefined) {
      const { view } = this.#last ?? {};
      if (view?.engine === engine && view.reference === reference) return running;
      const hint = "Wait for its end, or cancel it.";
      throw new CrusaderError("busy", `The image ${view?.reference} is being built on ${view?.engine}.`, hint);
    }
    const task = this.#tasks.start("image_build", `Image ${reference}`, async (update, signal) => {
      await this.#images.build(
        request,
        {
          onProgress: (state) => {
            Object.assign(kept.view, state);
            const { step, doing } = state.progress;
            update({
              detail: step === null ? doing : `Step ${step.number} of ${step.total}: ${doing}`,
              fraction: state.fraction,
            });
          },
          onLine: (line) => {
            kept.log += `${line}\n`;
            // Cut now and then: each time would copy a megabyte a line.
            const tooLong = kept.log.length - KEPT_LOG_CHARACTERS;
            if (tooLong > KEPT_LOG_CHARACTERS) {
              kept.log = kept.log.slice(tooLong);
              kept.leftOut += tooLong;
            }
            kept.view.logCharacters = kept.leftOut + kept.log.length;
          },
        },
        signal,
      );
    });
    const kept: Kept = {
      view: {
        taskId: task.id,
        engine,
        profile: request.profile,
        reference,
        startedAt: task.startedAt,
        progress: { step: null, doing: "", cachedSteps: 0, bytes: null },
        fraction: null,
        timeLeft: null,
        logCharacters: 0,
      },
      log: "",
      leftOut: 0,
    };
    this.#last = kept;
    return task;
  }

  /** The build that goes on, or the last one of this host; again when it may have changed. Null: none yet. */
  async *watch(signal: AbortSignal | undefined): AsyncGenerator<BuildView | null> {
    // Whatever changes of a build is told to its task, too.
    for await (const _tasks of this.#tasks.watch(signal)) yield this.#view();
  }

  /** Throws `not_found` for any but the last. */
  log(taskId: string): { text: string; leftOutCharacters: number } {
    if (this.#last?.view.taskId !== taskId) {
      const hint = "Only that of the last build is: build again to see it.";
      throw new CrusaderError("not_found", "The log of that build is no longer kept.", hint);
    }
    return { text: this.#last.log, leftOutCharacters: this.#last.leftOut };
  }

  #view(): BuildView | null {
    if (this.#last === null) return null;
    const { view } = this.#last;
    const task = this.#tasks.list().find(({ id }) => id === view.taskId);
    const { state = "running", finishedAt = null, error = null } = task ?? {};
    return { ...structuredClone(view), state, finishedAt, error };
  }
}
