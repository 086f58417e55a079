/** Reads a local folder that holds the production source. Nothing is written there, and no program is run on it. */
import { closeSync, constants, fstatSync, opendirSync, openSync, readSync, realpathSync, statSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { CrusaderError } from "../../../common/errors.ts";
import {
  chooseEntries,
  countedFiles,
  isRelevant,
  isSkippedFolder,
  type Snapshot,
  type SnapshotLimits,
  type SourceFiles,
} from "./snapshot.ts";

const MAX_DEPTH = 12;

/** Throws `not_found` where there is no such folder, `access_denied`, `too_large`, or the signal's reason. */
export function readFolder(path: string, limits: SnapshotLimits, signal?: AbortSignal): Snapshot {
  const root = realRoot(path);
  const found: { path: string; file: string }[] = [];
  const leftOut = { links: 0, unreadable: 0 };
  let visited = 0;
  const visit = (folder: string, prefix: string, depth: number) => {
    signal?.throwIfAborted();
    for (const entry of entriesOf(folder, depth === 1)) {
      visited += 1;
      if (visited > limits.maxEntries) throw tooManyEntries(limits);
      const name = prefix + entry.name;
      if (isSkippedFolder(name)) continue;
      if (entry.isDirectory()) {
        if (depth < MAX_DEPTH) visit(join(folder, entry.name), `${name}/`, depth + 1);
      } else if (isRelevant(name)) {
        const file = realFile(root, join(folder, entry.name));
        if (file === null) leftOut.links += 1;
        else found.push({ path: name, file });
      }
    }
  };
  visit(root, "", 1);

  const files: SourceFiles = new Map();
  // By size first: many links to one file, or many files, would not fit into memory together.
  const sized = found.flatMap((entry) => {
    const bytes = sizeOf(entry.file);
    if (bytes === null) leftOut.unreadable += 1;
    return bytes === null ? [] : [{ ...entry, bytes }];
  });
  const chosen = chooseEntries(sized, limits);
  for (const { path: name, file, bytes } of chosen.taken) {
    const content = readRegular(file, bytes);
    if (content === null) leftOut.unreadable += 1;
    else files.set(name, content);
  }
  return {
    files,
    leftOut: [
      ...chosen.leftOut,
      ...(leftOut.links > 0 ? [countedFiles(leftOut.links, "that are links out of the folder")] : []),
      ...(leftOut.unreadable > 0 ? [countedFiles(leftOut.unreadable, "that cannot be read")] : []),
    ],
  };
}

export function tooManyEntries({ maxEntries }: SnapshotLimits): CrusaderError {
  return new CrusaderError(
    "too_large",
    `There are more than ${maxEntries} files: this is not the validator's source.`,
    "Choose the repository itself.",
  );
}

function realRoot(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    throw new CrusaderError("not_found", `${path} is gone.`, "Choose the folder again.", (error as Error).message);
  }
}

function* entriesOf(folder: string, isRoot: boolean) {
  let handle: ReturnType<typeof opendirSync>;
  try {
    handle = opendirSync(folder);
  } catch (error) {
    if (!isRoot) return;
    throw new CrusaderError(
      "access_denied",
      `${folder} may not be read.`,
      "Check its rights.",
      (error as Error).message,
    );
  }
  try {
    for (let entry = handle.readSync(); entry !== null; entry = handle.readSync()) yield entry;
  } finally {
    handle.closeSync();
  }
}

/** Where a file lies, links resolved; null where that is outside of the root, or nowhere. */
function realFile(root: string, path: string): string | null {
  try {
    const real = realpathSync(path);
    const inside = relative(root, real);
    return inside !== "" && inside !== ".." && !inside.startsWith(`..${sep}`) && join(root, inside) === real
      ? real
      : null;
  } catch {
    return null;
  }
}

/** Null for pipes, devices and what is gone. */
function sizeOf(path: string): number | null {
  const found = statSync(path, { throwIfNoEntry: false });
  return found?.isFile() ? found.size : null;
}

/** A regular file's content; null for pipes, devices, what may not be read, and what has grown past `maxBytes`. */
function readRegular(path: string, maxBytes: number): Uint8Array | null {
  let descriptor: number;
  try {
    // A pipe would wait for its writer; a link that appeared since is refused.
    descriptor = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOFOLLOW ?? 0));
  } catch {
    return null;
  }
  try {
    const found = fstatSync(descriptor);
    if (!found.isFile() || found.size > maxBytes) return null;
    const bytes = new Uint8Array(found.size);
    let filled = 0;
    while (filled < bytes.length) {
      const count = readSync(descriptor, bytes, filled, bytes.length - filled, null);
      if (count === 0) break;
      filled += count;
    }
    return bytes.subarray(0, filled);
  } catch {
    return null;
  } finally {
    closeSync(descriptor);
  }
}
