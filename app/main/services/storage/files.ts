/** Writing to the data folder so that a crash leaves the old content or the new one, never half of it. */
import { randomBytes } from "node:crypto";
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { CrusaderError } from "../../../common/errors.ts";

/** All or nothing, and on the disk before it returns. Throws `disk_full` or `data_folder`. */
export function writeAtomically(path: string, content: string | Uint8Array): void {
  ensureFolder(dirname(path));
  // A name of its own: another process may write the same file.
  const temporary = `${path}.${randomBytes(6).toString("hex")}.new`;
  try {
    writeFileSync(temporary, content, { flush: true, mode: 0o600 });
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw writeProblem(error, path);
  }
}

/** Throws `disk_full` or `data_folder`. */
export function ensureFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw writeProblem(error, path);
  }
}

/** What was made or renamed in it is there after the machine has lost its power, too. */
export function flushFolder(path: string): void {
  // Windows opens no folders, and keeps names by itself.
  if (process.platform === "win32") return;
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

export function writeProblem(error: unknown, path: string): CrusaderError {
  const { code, message } = error as NodeJS.ErrnoException;
  return code === "ENOSPC" || code === "EDQUOT"
    ? new CrusaderError("disk_full", `The disk is full: ${path} could not be written.`, "Free some space.", message)
    : new CrusaderError(
        "data_folder",
        `${path} could not be written.`,
        "Check its owner and rights, or name another data folder in CRUSADER_HOME.",
        message,
      );
}

/** Removes the entries of a folder that were put there longer ago than that; what vanishes meanwhile is no error. */
export function purgeOlderThan(folder: string, ageMs: number, now: number): void {
  let entries: string[];
  try {
    entries = readdirSync(folder);
  } catch {
    return;
  }
  for (const entry of entries) {
    const path = join(folder, entry);
    const { mtimeMs } = statSync(path, { throwIfNoEntry: false }) ?? {};
    if (mtimeMs !== undefined && now - mtimeMs > ageMs) rmSync(path, { recursive: true, force: true });
  }
}
