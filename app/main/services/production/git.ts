/**
 * Fetches one commit of a repository with the system's git, and reads files out of git's object store. There never is a
 * working tree, so links, hooks, filters, submodules and odd paths do nothing; the store is thrown away afterwards.
 *
 * The repository is hostile, and so is its server: no configuration of the machine or of the repository counts, only https
 * and ssh are spoken, nothing is asked of the user, objects are checked as they come, and time and size are limited.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { readdirSync, statSync } from "node:fs";
import { devNull } from "node:os";
import { join } from "node:path";
import { CrusaderError } from "../../../common/errors.ts";
import { formatBytes } from "../../../common/format.ts";
import { tooManyEntries } from "./folder.ts";
import { chooseEntries, countedFiles, type Snapshot, type SnapshotLimits, type SourceFiles } from "./snapshot.ts";

export type GitOptions = {
  env: NodeJS.ProcessEnv;
  /** Also `file://` addresses; for tests. */
  allowFiles?: boolean;
  /** Of the whole fetch. */
  timeLimitMs: number;
  /** Of git's store on the disk; compressed. */
  maxStoreBytes: number;
  limits: SnapshotLimits;
};

export type FetchedCommit = Snapshot & { commit: string; committedAt: string };

type Progress = (update: { detail: string; fraction: number | null }) => void;

const LOOK_AT_SIZE_MS = 200;
const MAX_LISTING_BYTES = 32 * 1024 * 1024;
const KEPT_MESSAGE_CHARACTERS = 4000;

/** Of the user's environment git gets these: where programs, proxies, certificates and ssh's agent are. */
const PASSED_ON =
  /^(?:PATH|HOME|USER|LOGNAME|USERPROFILE|SYSTEMROOT|TEMP|TMP|TMPDIR|SSH_AUTH_SOCK|SSL_CERT_(?:FILE|DIR)|CURL_CA_BUNDLE|GIT_SSL_CAINFO|(?:https?|all|no)_proxy)$/i;

/** Each is named here because a machine, a user or a git of another version may have it otherwise. */
const CONFIG: readonly string[] = [
  `core.hooksPath=${devNull}`,
  `core.attributesFile=${devNull}`,
  "core.fsmonitor=false",
  "core.symlinks=false",
  "credential.helper=",
  "core.askPass=",
  "fetch.fsckObjects=true",
  "transfer.fsckObjects=true",
  "fetch.recurseSubmodules=false",
  "submodule.recurse=false",
  "transfer.bundleURI=false",
  "gc.auto=0",
  "maintenance.auto=false",
  "http.lowSpeedLimit=100",
  "http.lowSpeedTime=30",
  "http.followRedirects=initial",
];

/**
 * Fetches `reference` (null: the default branch) of `url` into `folder`, which must be empty, and reads it.
 *
 * Throws `git_missing`, `fetch_failed`, `too_large`, or the signal's reason when it aborts, after every process is gone.
 */
export async function fetchCommit(
  { url, reference, folder }: { url: string; reference: string | null; folder: string },
  options: GitOptions,
  onProgress: Progress,
  signal?: AbortSignal,
): Promise<FetchedCommit> {
  const git = new Git(folder, options, signal);
  await git.run(["init", "--quiet", "--bare", "--template=", folder]);
  onProgress({ detail: `Fetching ${url}`, fraction: null });
  await git.run(
    [
      "fetch",
      "--progress",
      "--depth=1",
      "--no-tags",
      "--no-recurse-submodules",
      "--no-auto-maintenance",
      "--",
      url,
      `+${reference ?? "HEAD"}:refs/crusader/fetched`,
    ],
    { onLine: (line) => onProgress({ detail: line.slice(0, 200), fraction: fractionOf(line) }) },
  );
  onProgress({ detail: "Reading files", fraction: null });
  const [commit = "", seconds = ""] = (await git.text(["log", "-1", "--format=%H %ct", "refs/crusader/fetched"]))
    .trim()
    .split(" ");
  if (!/^[0-9a-f]{40,64}$/.test(commit)) throw fetchFailed(url, "What was fetched is no commit.");
  const listing = await git.run(["ls-tree", "-r", "-l", "-z", "--full-tree", commit], { maxBytes: MAX_LISTING_BYTES });
  const { blobs, links, submodules } = parseListing(listing, options.limits);
  const { taken, leftOut } = chooseEntries(blobs, options.limits);
  const files = await git.blobs(taken);
  return {
    commit,
    committedAt: timeOf(Number(seconds)),
    files,
    leftOut: [
      ...leftOut,
      ...(links > 0 ? [countedFiles(links, "that are links")] : []),
      ...(submodules > 0 ? [`${submodules} ${submodules === 1 ? "submodule" : "submodules"}`] : []),
    ],
  };
}

/** A commit may claim any time; one that no calendar knows is the beginning of time. */
function timeOf(seconds: number): string {
  const milliseconds = seconds * 1000;
  return new Date(Math.abs(milliseconds) < 8.64e15 ? Math.max(0, milliseconds) : 0).toISOString();
}

type Blob = { path: string; bytes: number; hash: string };

function parseListing(listing: Buffer, limits: SnapshotLimits) {
  const rows = listing.toString("utf8").split("\0");
  if (rows.length - 1 > limits.maxEntries) throw tooManyEntries(limits);
  const blobs: Blob[] = [];
  let links = 0;
  let submodules = 0;
  for (const row of rows) {
    // "100644 blob 3f2a... 1234\tpath"
    const match = /^(\d{6}) (\w+) ([0-9a-f]{40,64}) +(\d+|-)\t(.+)$/s.exec(row);
    if (match === null) continue;
    const [, mode, , hash = "", size, path = ""] = match;
    if (mode === "120000") links += 1;
    else if (mode === "160000") submodules += 1;
    else blobs.push({ path, hash, bytes: Number(size) });
  }
  return { blobs, links, submodules };
}

/** "Receiving objects:  42% (42/100)" -> 0.42 */
function fractionOf(line: string): number | null {
  const percent = /^(?:remote: )?[A-Z][a-z]+ (?:objects|deltas): +(\d{1,3})%/.exec(line)?.[1];
  return percent === undefined ? null : Math.min(1, Number(percent) / 100);
}

function fetchFailed(url: string, detail: string): CrusaderError {
  const [message, hint] = explained(url, detail);
  return new CrusaderError("fetch_failed", message, hint, detail);
}

function explained(url: string, detail: string): [message: string, hint: string] {
  const kept = "What was fetched before is kept.";
  if (
    /could not resolve host|network is unreachable|connection (?:refused|timed out|reset)|early EOF|hung up|RPC failed|could not connect|failed to connect|transfer closed|operation too slow/i.test(
      detail,
    )
  )
    return [`${url} could not be reached. ${kept}`, "Check the network and the proxy, and fetch again."];
  if (
    /could not read username|authentication failed|permission denied|host key verification failed|not found|does not exist|not appear to be a git repository|403|404/i.test(
      detail,
    )
  )
    return [`There is no repository at ${url} that may be read. ${kept}`, "Check the address."];
  if (/couldn't find remote ref|invalid refspec|not our ref/i.test(detail))
    return [`The repository has no such branch, tag or commit, or is empty. ${kept}`, "Check the name."];
  if (/fsck error|error in object|bad object|malformed|index-pack failed/i.test(detail))
    return [`The repository holds objects that git refuses. ${kept}`, "Do not use this repository."];
  return [`${url} could not be fetched. ${kept}`, "The detail says what git answered."];
}

class Git {
  readonly #folder: string;
  readonly #options: GitOptions;
  readonly #signal: AbortSignal | undefined;
  readonly #deadlineMs: number;

  constructor(folder: string, options: GitOptions, signal: AbortSignal | undefined) {
    this.#folder = folder;
    this.#options = options;
    this.#signal = signal;
    this.#deadlineMs = performance.now() + options.timeLimitMs;
  }

  async text(args: readonly string[]): Promise<string> {
    return (await this.run(args)).toString("utf8");
  }

  /** The contents, in one process; all of them were listed with their sizes, which are held to. */
  async blobs(entries: readonly Blob[]): Promise<SourceFiles> {
    const files: SourceFiles = new Map();
    if (entries.length === 0) return files;
    const maxBytes = entries.reduce((sum, { bytes }) => sum + bytes + 200, 0);
    const output = await this.run(["cat-file", "--batch"], {
      input: entries.map(({ hash }) => `${hash}\n`).join(""),
      maxBytes,
    });
    let at = 0;
    for (const { path, hash, bytes } of entries) {
      const header = `${hash} blob ${bytes}\n`;
      if (output.toString("latin1", at, at + header.length) !== header)
        throw new CrusaderError("fetch_failed", "The repository is incomplete.", "Fetch it again.", path);
      at += header.length;
      files.set(path, new Uint8Array(output.subarray(at, at + bytes)));
      at += bytes + 1;
    }
    return files;
  }

  /** Runs git to its end and returns its output. */
  async run(
    args: readonly string[],
    {
      input,
      maxBytes = 1024 * 1024,
      onLine,
    }: { input?: string; maxBytes?: number; onLine?: (line: string) => void } = {},
  ): Promise<Buffer> {
    this.#signal?.throwIfAborted();
    const { allowFiles = false, maxStoreBytes, timeLimitMs } = this.#options;
    const posix = process.platform !== "win32";
    const config = CONFIG.flatMap((setting) => ["-c", setting]);
    const child = spawn("git", [`--git-dir=${this.#folder}`, "--no-pager", ...config, ...args], {
      cwd: this.#folder,
      env: this.#environment(allowFiles),
      stdio: ["pipe", "pipe", "pipe"],
      // A group of its own, so that its helpers end with it.
      detached: posix,
      windowsHide: true,
    });
    let problem: CrusaderError | null = null;
    const stop = (why: CrusaderError | null) => {
      problem ??= why;
      end(child, posix);
    };
    const abort = () => stop(null);
    const exit = () => end(child, posix);
    this.#signal?.addEventListener("abort", abort, { once: true });
    process.on("exit", exit);
    const timer = setTimeout(
      () =>
        stop(
          new CrusaderError(
            "fetch_failed",
            `Fetching took longer than ${Math.round(timeLimitMs / 1000)} s. What was fetched before is kept.`,
            "Fetch again, or choose a local folder.",
          ),
        ),
      Math.max(0, this.#deadlineMs - performance.now()),
    );
    const looking = setInterval(() => {
      if (sizeOf(this.#folder) > maxStoreBytes)
        stop(
          new CrusaderError(
            "too_large",
            `The repository is larger than ${formatBytes(maxStoreBytes)}: this is not the validator's.`,
            "Check the address.",
          ),
        );
    }, LOOK_AT_SIZE_MS);

    const parts: Buffer[] = [];
    let bytes = 0;
    child.stdout.on("data", (part: Buffer) => {
      bytes += part.length;
      if (bytes <= maxBytes) parts.push(part);
      else stop(new CrusaderError("too_large", "The repository's list of files is too long.", "Check the address."));
    });
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (raw: string) => {
      // The server's own words are among them.
      const part = raw.replaceAll(/[\p{Cf}\p{Zl}\p{Zp}]|(?![\r\n\t])\p{Cc}/gu, "\u{FFFD}");
      said = (said + part).slice(-KEPT_MESSAGE_CHARACTERS);
      for (const line of part.split(/[\r\n]+/)) if (line !== "") onLine?.(line);
    });
    // One that ends early closes its input; its exit status says why.
    child.stdin.on("error", () => {});
    child.stdin.end(input ?? "");

    const status = await new Promise<number | null | CrusaderError>((resolve) => {
      child.on("error", (error: NodeJS.ErrnoException) => resolve(startProblem(error)));
      child.on("close", (code) => resolve(code));
    });
    clearTimeout(timer);
    clearInterval(looking);
    this.#signal?.removeEventListener("abort", abort);
    process.off("exit", exit);
    this.#signal?.throwIfAborted();
    if (problem !== null) throw problem;
    if (status instanceof CrusaderError) throw status;
    if (status !== 0) throw fetchFailed(args.find((arg) => arg.includes("://")) ?? "The repository", said.trim());
    return Buffer.concat(parts);
  }

  #environment(allowFiles: boolean): NodeJS.ProcessEnv {
    const passedOn = Object.entries(this.#options.env).filter(([name]) => PASSED_ON.test(name));
    return {
      ...Object.fromEntries(passedOn),
      LC_ALL: "C",
      GIT_CONFIG_NOSYSTEM: "1",
      GIT_CONFIG_SYSTEM: devNull,
      GIT_CONFIG_GLOBAL: devNull,
      GIT_ATTR_NOSYSTEM: "1",
      GIT_TERMINAL_PROMPT: "0",
      GIT_NO_LAZY_FETCH: "1",
      GIT_ALLOW_PROTOCOL: allowFiles ? "https:ssh:file" : "https:ssh",
      // Never a question, never another program on the way.
      GIT_SSH_COMMAND: "ssh -F none -oBatchMode=yes -oStrictHostKeyChecking=yes -oConnectTimeout=20",
      GIT_SSH_VARIANT: "ssh",
    };
  }
}

function startProblem({ code, message }: NodeJS.ErrnoException): CrusaderError {
  if (code !== "ENOENT") return new CrusaderError("fetch_failed", "git could not be started.", "", message);
  const hint =
    process.platform === "darwin"
      ? "Install it with `xcode-select --install`, or choose a local folder as the source."
      : process.platform === "win32"
        ? "Install Git for Windows, or choose a local folder as the source."
        : "Install the package `git` (`sudo apt install git`, `sudo dnf install git`), or choose a local folder as the source.";
  return new CrusaderError("git_missing", "git is not installed, or not on the PATH.", hint, message);
}

function end(child: ChildProcess, posix: boolean): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  if (!posix) {
    spawnSync("taskkill", ["/pid", String(child.pid), "/T", "/F"], { stdio: "ignore", windowsHide: true });
    return;
  }
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** Bytes below a folder; what vanishes meanwhile counts as nothing. */
function sizeOf(folder: string): number {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0)
      .reduce((sum, bytes) => sum + bytes, 0);
  } catch {
    // A folder of git's own that went while it was being listed; the next look is soon.
    return 0;
  }
}
