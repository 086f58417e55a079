/** A lock between processes that the operating system releases when its holder dies, however it dies. */
import { DatabaseSync } from "node:sqlite";
import { setTimeout as sleep } from "node:timers/promises";
import { CrusaderError } from "../../../common/errors.ts";

/** On average: varied, so that two do not collide for ever. */
const RETRY_MS = 200;
/** SQLite's "another connection holds the lock". */
const SQLITE_BUSY = 5;

/**
 * Waits for the lock at `file` (created when missing) and returns its release. `onWait` is called once if it is held
 * by someone else. Rejects with the signal's reason when `signal` aborts, and with `data_folder` where the file cannot be
 * made.
 *
 * Node has no file locks of its own; SQLite's exclusive transaction is one, on every platform.
 */
export async function lockFile(file: string, onWait: () => void, signal?: AbortSignal): Promise<() => void> {
  const database = openFile(file);
  try {
    for (let tries = 0; !tryLock(database); tries += 1) {
      // Two that try at the same instant both find it busy, and nobody holds it: only the second failure is a holder.
      if (tries === 1) onWait();
      await sleep(RETRY_MS * (0.5 + Math.random()), undefined, signal === undefined ? {} : { signal });
    }
  } catch (error) {
    database.close();
    signal?.throwIfAborted();
    throw error;
  }
  return () => database.close();
}

/** As `lockFile`, but null at once where somebody holds it. Throws `data_folder`. */
export function tryLockFile(file: string): (() => void) | null {
  const database = openFile(file);
  if (tryLock(database)) return () => database.close();
  database.close();
  return null;
}

function openFile(file: string): DatabaseSync {
  try {
    return new DatabaseSync(file, { timeout: 0 });
  } catch (error) {
    throw new CrusaderError(
      "data_folder",
      `${file} cannot be opened.`,
      "Check the data folder's owner and rights.",
      (error as Error).message,
    );
  }
}

function tryLock(database: DatabaseSync): boolean {
  try {
    database.exec("BEGIN EXCLUSIVE");
    return true;
  } catch (error) {
    if ((error as { errcode?: number }).errcode === SQLITE_BUSY) return false;
    throw error;
  }
}
