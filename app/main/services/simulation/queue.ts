/**
 * One run at a time per backend, over all processes that share a data folder: two at once would share the cores and
 * make each other slow. The lock is the operating system's, so it is free when its holder dies.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CrusaderError } from "../../../common/errors.ts";
import { lockFile } from "../locks/index.ts";

export class RunQueue {
  readonly #folder: string;
  readonly #name: string;
  /** Settles when everyone who entered before in this process has left. */
  #lastInLine: Promise<void> = Promise.resolve();
  #inLine = 0;

  /** `name` is the backend's. */
  constructor(dataFolder: string, name: string) {
    this.#folder = join(dataFolder, "queue");
    this.#name = name;
  }

  /**
   * Resolves when it is this run's turn, with what ends the turn. `onWait` is called when there is someone in front, with
   * the id of the run that has the turn where it is known. Rejects with the signal's reason when aborted.
   */
  async enter(runId: string, onWait: (behindRunId: string | null) => void, signal: AbortSignal): Promise<() => void> {
    const before = this.#lastInLine;
    const turn = Promise.withResolvers<void>();
    this.#lastInLine = before.then(() => turn.promise);
    this.#inLine += 1;
    const leave = () => {
      this.#inLine -= 1;
      turn.resolve();
    };
    try {
      this.#makeFolder();
      // Not while others of this process stand in front: the lock knows no order.
      if (this.#inLine > 1) {
        onWait(this.#holder());
        await Promise.race([before, aborted(signal)]);
      }
      signal.throwIfAborted();
      const release = await lockFile(join(this.#folder, `${this.#name}.lock`), () => onWait(this.#holder()), signal);
      this.#writeHolder(runId);
      return () => {
        release();
        leave();
      };
    } catch (error) {
      leave();
      throw error;
    }
  }

  #makeFolder(): void {
    try {
      mkdirSync(this.#folder, { recursive: true });
    } catch (error) {
      throw new CrusaderError(
        "data_folder",
        `${this.#folder} cannot be made.`,
        "Check the data folder's owner and rights.",
        (error as Error).message,
      );
    }
  }

  // Only for people, and only believed while the lock is held: what a dead process left here does no harm.
  get #holderFile(): string {
    return join(this.#folder, `${this.#name}.holder`);
  }

  #holder(): string | null {
    try {
      return readFileSync(this.#holderFile, "utf8").trim() || null;
    } catch {
      return null;
    }
  }

  #writeHolder(runId: string): void {
    try {
      writeFileSync(this.#holderFile, `${runId}\n`);
    } catch {
      // A full disk: those who wait are not told behind whom.
    }
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
