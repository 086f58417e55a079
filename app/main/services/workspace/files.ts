/** Files of one opened folder: read, written, renamed; never outside of it, whatever its links say. */
import { createHash, randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, sep } from "node:path";
import { CrusaderError } from "../../../common/errors.ts";
import { formatBytes } from "../../../common/format.ts";
import type { Listing, WorkspaceFile } from "../../../common/workspace.ts";
import { MAX_DEPTH, MAX_TEXT_LENGTH, nameProblem } from "../../../common/workspace.ts";

const MAX_LISTED = 2000;
/** Looked at before the listing gives up; keeps a home folder from being read as a whole. */
const MAX_VISITED = 20_000;
const SKIPPED_FOLDERS = new Set(["node_modules", "__pycache__", "venv", "site-packages"]);

export type Content = { text: string; version: string; bytes: number; modifiedMs: number };

/** Python files, by name, with forward slashes. */
export function listFiles(root: string): Listing {
  const files: WorkspaceFile[] = [];
  let visited = 0;
  let truncated = false;
  const visit = (folder: string, prefix: string, depth: number) => {
    for (const entry of entriesOf(folder)) {
      visited += 1;
      if (files.length >= MAX_LISTED || visited > MAX_VISITED) {
        truncated = true;
        return;
      }
      if (nameProblem(entry.name) !== null) continue;
      const name = prefix + entry.name;
      if (entry.isDirectory()) {
        if (depth < MAX_DEPTH && !SKIPPED_FOLDERS.has(entry.name))
          visit(join(folder, entry.name), `${name}/`, depth + 1);
      } else if (entry.name.endsWith(".py")) {
        const found = statInside(root, join(folder, entry.name));
        if (found !== null) files.push({ name, bytes: found.size, modifiedMs: found.mtimeMs });
      }
    }
  };
  visit(root, "", 1);
  return { files, truncated };
}

/** Throws `not_found`, `access_denied`, `too_large`, and `unsupported` for what is no text. */
export function readContent(root: string, name: string): Content {
  const path = pathInside(root, name);
  return translated(name, () => {
    const bytes = readBytes(path, name);
    const text = decode(bytes.content, name);
    return { text, version: versionOf(bytes.content), bytes: bytes.content.length, modifiedMs: bytes.modifiedMs };
  });
}

/**
 * Writes all or nothing. Throws `conflict` unless the file's version is `expected`; null: there is no file.
 */
export function writeContent(root: string, name: string, text: string, expected: string | null): Omit<Content, "text"> {
  const path = pathInside(root, name);
  return translated(name, () => {
    const content = Buffer.from(text, "utf8");
    const present = existsSync(path) ? versionOf(readBytes(path, name).content) : null;
    if (present !== expected) throw conflict(name, present, expected);
    if (present === null) {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, content, { flag: "wx", flush: true });
    } else {
      const temporary = join(dirname(path), `.${randomBytes(6).toString("hex")}.crusader-new`);
      try {
        writeFileSync(temporary, content, { flag: "wx", flush: true, mode: statSync(path).mode });
        renameSync(temporary, path);
      } finally {
        rmSync(temporary, { force: true });
      }
    }
    return { version: versionOf(content), bytes: content.length, modifiedMs: statSync(path).mtimeMs };
  });
}

/** Throws `conflict` where `newName` is taken. */
export function renameFile(root: string, name: string, newName: string): void {
  const path = existingInside(root, name);
  const target = pathInside(root, newName);
  translated(newName, () => {
    if (existsSync(target)) throw conflict(newName, "present", null);
    mkdirSync(dirname(target), { recursive: true });
    renameSync(path, target);
  });
}

/** Takes a file out of its folder once `keep` has what it held. */
export function takeFile(root: string, name: string, keep: (content: Uint8Array) => void): void {
  const path = existingInside(root, name);
  translated(name, () => {
    keep(readBytes(path, name).content);
    rmSync(path);
  });
}

/** Puts bytes back under a name that must be free. */
export function putFile(root: string, name: string, content: Uint8Array): Omit<Content, "text"> {
  const path = pathInside(root, name);
  return translated(name, () => {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content, { flag: "wx", flush: true });
    return { version: versionOf(content), bytes: content.length, modifiedMs: statSync(path).mtimeMs };
  });
}

/** Path of a file that is there; throws `not_found` else. */
export function existingInside(root: string, name: string): string {
  const path = pathInside(root, name);
  if (!existsSync(path)) throw new CrusaderError("not_found", `${name} does not exist.`, "It may have been renamed.");
  return path;
}

/**
 * Where a name leads, links resolved. Throws `access_denied` where that is outside of the folder. The schema has refused
 * "..", separators of any system and absolute names already; this checks again, as it is the last one before the disk.
 */
export function pathInside(root: string, name: string): string {
  const parts = name.split("/");
  if (parts.length > MAX_DEPTH || parts.some((part) => nameProblem(part) !== null)) {
    throw new CrusaderError("usage", "This is not the name of a file in the folder.");
  }
  let path = root;
  for (const part of parts) {
    path = join(path, part);
    // What does not exist yet has no links to follow.
    const real = realPath(path);
    if (real !== null) path = real;
    if (!isInside(root, path)) {
      throw new CrusaderError(
        "access_denied",
        `${name} leads out of the folder.`,
        "Open the folder that it links to, or copy the file.",
      );
    }
  }
  return path;
}

function isInside(root: string, path: string): boolean {
  return path.startsWith(root.endsWith(sep) ? root : root + sep);
}

function realPath(path: string): string | null {
  try {
    return realpathSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") {
      // A link to nowhere would be followed by a write.
      if (isLink(path)) throw new CrusaderError("access_denied", "This link leads nowhere.", "Remove it first.");
      return null;
    }
    if (code === "ENOTDIR") throw new CrusaderError("not_found", "A part of that name is a file, not a folder.");
    throw new CrusaderError("access_denied", "This name cannot be followed.", "", (error as Error).message);
  }
}

function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
}

function entriesOf(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch {
    // Unreadable or gone: it lists as empty.
    return [];
  }
}

/** Null for what is no plain file inside the root. */
function statInside(root: string, path: string) {
  try {
    const real = realpathSync(path);
    const found = statSync(real);
    return isInside(root, real) && found.isFile() ? found : null;
  } catch {
    return null;
  }
}

/** `path` has its links resolved; one put there since is not followed. */
function readBytes(path: string, name: string): { content: Buffer; modifiedMs: number } {
  // Without NONBLOCK a pipe of that name would hold everything up.
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const found = fstatSync(descriptor);
    if (!found.isFile()) throw new CrusaderError("unsupported", `${name} is no plain file.`);
    if (found.size > MAX_TEXT_LENGTH) {
      throw new CrusaderError(
        "too_large",
        `${name} has ${formatBytes(found.size)}; files up to ${formatBytes(MAX_TEXT_LENGTH)} can be edited here.`,
      );
    }
    const content = Buffer.alloc(found.size);
    let filled = 0;
    while (filled < content.length) {
      const read = readSync(descriptor, content, filled, content.length - filled, null);
      if (read === 0) break;
      filled += read;
    }
    return { content: content.subarray(0, filled), modifiedMs: found.mtimeMs };
  } finally {
    closeSync(descriptor);
  }
}

function decode(content: Uint8Array, name: string): string {
  try {
    // A byte order mark stays, so that writing the text back changes nothing.
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(content);
  } catch {
    throw new CrusaderError("unsupported", `${name} is no text in UTF-8.`, "Save it as UTF-8 elsewhere first.");
  }
}

function versionOf(content: Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

function conflict(name: string, present: string | null, expected: string | null): CrusaderError {
  if (present === null) {
    return new CrusaderError("conflict", `${name} is gone from the disk.`, "Save it as a new file, or close it.");
  }
  return expected === null
    ? new CrusaderError("conflict", `${name} exists already.`, "Take another name.")
    : new CrusaderError("conflict", `${name} changed on the disk.`, "Compare the two before one is overwritten.");
}

function translated<T>(name: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof CrusaderError) throw error;
    const { code = "", message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") throw new CrusaderError("not_found", `${name} does not exist.`, "It may have been renamed.");
    if (code === "EEXIST") throw conflict(name, "present", null);
    if (code === "ENOSPC" || code === "EDQUOT") {
      throw new CrusaderError(
        "disk_full",
        `The disk is full: ${name} was not written.`,
        "Free some space, then try again. Nothing was lost.",
        message,
      );
    }
    if (code === "EROFS") {
      throw new CrusaderError(
        "access_denied",
        `${name} was not written: its disk may only be read.`,
        "Copy the text to a file in another folder.",
        message,
      );
    }
    if (["EACCES", "EPERM", "ELOOP", "EISDIR", "ENOTDIR", "ENAMETOOLONG"].includes(code)) {
      throw new CrusaderError("access_denied", `${name} cannot be used: ${code}.`, "Check its rights.", message);
    }
    throw error;
  }
}
