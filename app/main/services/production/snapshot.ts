/** What is taken out of a repository: the few kinds of text files that rules stand in, within limits, by path. */
import { createHash } from "node:crypto";

/** Contents by path with forward slashes. */
export type SourceFiles = Map<string, Uint8Array>;

/** `leftOut`: what was not taken, in words. */
export type Snapshot = { files: SourceFiles; leftOut: string[] };

export type SnapshotLimits = {
  /** Entries of the repository, of any kind; one with more is refused. */
  maxEntries: number;
  maxFiles: number;
  maxFileBytes: number;
  maxTotalBytes: number;
};

/** The validator's repository has about a hundred files and less than two megabytes of text. */
export const SNAPSHOT_LIMITS: SnapshotLimits = {
  maxEntries: 50_000,
  maxFiles: 2000,
  maxFileBytes: 2 * 1024 * 1024,
  maxTotalBytes: 32 * 1024 * 1024,
};

const RELEVANT = /(?:^|\/)(?:[^/]+\.(?:py|json|toml)|uv\.lock|requirements[^/]*\.(?:txt|in)|[^/]*dockerfile[^/]*)$/i;
/** Nothing of the repository's own lies there. */
const SKIPPED = /(?:^|\/)(?:\.git|node_modules|\.?venv|site-packages|__pycache__)(?:\/|$)/;
/** Longer paths are no paths of a repository that anybody works with. */
const MAX_PATH_CHARACTERS = 500;

export type Entry = { path: string; bytes: number };

/** Which of the entries are taken, the shallow ones first; the rest is counted by reason. */
export function chooseEntries<E extends Entry>(
  entries: readonly E[],
  limits: SnapshotLimits,
): { taken: E[]; leftOut: string[] } {
  const counts = new Map<string, number>();
  const leave = (why: string) => counts.set(why, (counts.get(why) ?? 0) + 1);
  const depth = ({ path }: Entry) => path.split("/").length;
  const relevant = entries
    .filter(({ path }) => isRelevant(path))
    .sort((a, b) => depth(a) - depth(b) || (a.path < b.path ? -1 : 1));
  const taken: E[] = [];
  let total = 0;
  for (const entry of relevant) {
    if (entry.bytes > limits.maxFileBytes) leave(`larger than ${limits.maxFileBytes} bytes`);
    else if (taken.length >= limits.maxFiles) leave(`beyond the first ${limits.maxFiles}`);
    else if (total + entry.bytes > limits.maxTotalBytes) leave(`beyond ${limits.maxTotalBytes} bytes in all`);
    else {
      taken.push(entry);
      total += entry.bytes;
    }
  }
  return { taken, leftOut: [...counts].map(([why, count]) => countedFiles(count, why)) };
}

export function countedFiles(count: number, why: string): string {
  return `${count} ${count === 1 ? "file" : "files"} ${why}`;
}

/** Whether rules may stand there. The path is a key and a label; nothing is ever written under it. */
export function isRelevant(path: string): boolean {
  return path.length <= MAX_PATH_CHARACTERS && RELEVANT.test(path) && !isSkippedFolder(path) && isPlainPath(path);
}

export function isSkippedFolder(path: string): boolean {
  return SKIPPED.test(path);
}

/** Relative, without "..", without what is not seen or reorders what is, and without the separators of other systems. */
function isPlainPath(path: string): boolean {
  return (
    !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\\]/u.test(path) && path.split("/").every((part) => !["", ".", ".."].includes(part))
  );
}

/** SHA-256 over paths and contents: what a folder's revision is called. */
export function snapshotSha256(files: SourceFiles): string {
  const hash = createHash("sha256");
  for (const [path, content] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(`${path}\0${content.length}\0`).update(content);
  }
  return hash.digest("hex");
}
