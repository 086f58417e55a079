/** The public localnet container as a window works with it: started by a task, which fetches the image where that is asked. */
import { CrusaderError } from "../../../common/errors.ts";
import { formatBytes } from "../../../common/format.ts";
import type { LocalnetStatus } from "../../../common/localnet.ts";
import type { Task } from "../../../common/tasks.ts";
import type { TaskService } from "../tasks/index.ts";
import type { Localnet } from "./localnet.ts";

type Calls = Pick<Localnet, "status" | "pull" | "start" | "stop">;

export class LocalnetTasks {
  readonly #localnet: Calls;
  readonly #tasks: TaskService;

  constructor({ localnet, tasks }: { localnet: Calls; tasks: TaskService }) {
    this.#localnet = localnet;
    this.#tasks = tasks;
  }

  status(engine: string | undefined): Promise<LocalnetStatus> {
    return this.#localnet.status(engine);
  }

  /**
   * Begins; returns the task that does so already, if there is one. With `pull`, a missing image is fetched first; without, the
   * task fails with `image_missing`.
   */
  start(engine: string | undefined, { pull }: { pull: boolean }): Task {
    return this.#tasks.start("localnet_start", "Local chain", async (update, signal) => {
      update({ detail: "Asking the container engine", fraction: null });
      const { hasImage } = await this.#localnet.status(engine);
      signal.throwIfAborted();
      if (pull && !hasImage) await this.#pull(engine, update, signal);
      signal.throwIfAborted();
      update({ detail: "Starting the container", fraction: null });
      await this.#localnet.start(engine);
    });
  }

  /** Ends and removes it, with its chain; none is no error. Throws `busy` while it is being started. */
  async stop(engine: string | undefined): Promise<LocalnetStatus> {
    if (this.#tasks.list().some(({ kind, state }) => kind === "localnet_start" && state === "running")) {
      throw new CrusaderError("busy", "The local chain is being started.", "Wait for its end, or cancel it.");
    }
    return this.#localnet.stop(engine);
  }

  async #pull(
    engine: string | undefined,
    update: (update: { detail: string; fraction: number | null }) => void,
    signal: AbortSignal,
  ): Promise<void> {
    update({ detail: "Fetching the image", fraction: null });
    // Parts of the image become known one after the other: what is done stays done.
    let furthest = 0;
    const onProgress = ({ done, total }: { done: number; total: number }) => {
      if (total > 0) furthest = Math.max(furthest, Math.min(1, done / total));
      update({ detail: `Fetching the image: ${formatBytes(done)} of ${formatBytes(total)}`, fraction: furthest });
    };
    await this.#localnet.pull(engine, onProgress, signal);
  }
}
