/**
 * The managed Python environment that rehearsals run in.
 *
 *     <data folder>/python/<key>.json       the stamp: names the folder of a complete environment
 *     <data folder>/python/<key>-<random>/  an environment; without a stamp that names it, a leftover
 *
 * The key is a hash of what was asked for (requirements, base Python, platform), so a change of it makes a new
 * environment. The stamp is written last and at once, so an environment is either complete or not there. Its time is that
 * of the last use: an environment that nobody asked for in a week goes (`prune`).
 */
import { createHash, randomBytes } from "node:crypto";
import {
  access,
  constants,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  statfs,
  utimes,
  writeFile,
} from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import { CrusaderError } from "../../../common/errors.ts";
import { lockFile, tryLockFile } from "../locks/index.ts";
import { findBasePython } from "./base-python.ts";
import { Environment, interpreterOf, runPython, versionsSchema } from "./environment.ts";
import type { PythonProgress } from "./progress.ts";
import { type Requirements, readRequirements } from "./requirements.ts";

/** What more than a rehearsal needs: "test" is pytest and ruff. */
export type PythonExtra = "test";
const EXTRA_PACKAGES: Record<PythonExtra, readonly string[]> = { test: ["pytest", "ruff"] };

export interface PreparedPython {
  /** Path of the interpreter. */
  readonly python: string;
  /** Versions of Python and of the packages that decide a result: `{python, torch, transformers, numpy}`. */
  readonly versions: Record<string, string>;
}

export interface PythonServiceOptions {
  readonly dataFolder: string;
  /** Holds requirements-cpu.txt and requirements-<extra>.txt. */
  readonly requirementsFolder: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly platform?: NodeJS.Platform;
  /** Packages that are imported as proof that the environment works, and whose versions are reported. */
  readonly packages?: readonly string[];
  /** Free disk space below which nothing is begun. */
  readonly requiredBytes?: number;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

export interface EnsureOptions {
  readonly extras?: readonly PythonExtra[];
  /** Makes the environment anew even if it is there. */
  readonly anew?: boolean;
  readonly onProgress?: (progress: PythonProgress) => void;
  readonly signal?: AbortSignal;
}

const STAMP_VERSION = 1;
const stampSchema = z.object({
  version: z.literal(STAMP_VERSION),
  /** Folder beside the stamp. */
  folder: z.string().regex(/^[\w-]+$/),
  versions: z.record(z.string(), z.string()),
  /** Extra name to a hash of the requirements it was installed from. */
  extras: z.record(z.string(), z.string()),
});
type Stamp = z.infer<typeof stampSchema>;

/** 1.2 GB unpacked with torch 2.13.0 on Linux x86-64 (measured), and its archive of 0.2 GB while that happens. */
const REQUIRED_BYTES = 1.5e9;
const HOUR_MS = 60 * 60 * 1000;
/** Longer than any run; and who changes between two base Pythons does not download a gigabyte each time. */
const KEPT_UNUSED_MS = 7 * 24 * HOUR_MS;
/** Versions of the packages that are there, from their metadata: a tenth of a second, where imports take several. */
const READ_VERSIONS = `
import importlib.metadata, json, platform, sys
versions = {"python": platform.python_version()}
for name in sys.argv[1:]:
    try:
        versions[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        pass
print(json.dumps(versions))
`;

export class PythonService {
  readonly #folder: string;
  readonly #requirementsFolder: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #platform: NodeJS.Platform;
  readonly #packages: readonly string[];
  readonly #requiredBytes: number;
  readonly #now: () => number;

  constructor(options: PythonServiceOptions) {
    this.#folder = path.join(options.dataFolder, "python");
    this.#requirementsFolder = options.requirementsFolder;
    this.#env = options.env ?? process.env;
    this.#platform = options.platform ?? process.platform;
    this.#packages = options.packages ?? ["torch", "transformers", "numpy"];
    this.#requiredBytes = options.requiredBytes ?? REQUIRED_BYTES;
    this.#now = options.now ?? Date.now;
  }

  /**
   * Returns the environment, made first where it is missing. Once made, a call costs a few file reads.
   *
   * `CRUSADER_PYTHON_ENV` names the interpreter of an environment to use instead; that one is checked, never changed.
   * Throws `python_missing`, `python_setup_failed`, `disk_full`, `data_folder`, or the signal's reason when aborted; then
   * whatever was half made is gone, and what was downloaded stays in pip's cache for the next try.
   */
  async ensure(options: EnsureOptions = {}): Promise<PreparedPython> {
    const { extras = [], anew = false, onProgress, signal } = options;
    signal?.throwIfAborted();
    const given = this.#env.CRUSADER_PYTHON_ENV;
    if (given) return this.#checkGiven(given, options);

    const requirements = await this.#requirements("cpu");
    const key = await this.#key();
    const ready = await this.#findReady(key, extras);
    if (ready !== null && !anew) return ready;

    await this.#makeFolder();
    const release = await lockFile(
      path.join(this.#folder, `${key}.lock`),
      () => onProgress?.({ phase: "wait", detail: "another process is preparing the environment" }),
      signal,
    );
    try {
      if (anew) await rm(this.#stampFile(key), { force: true });
      // The one that held the lock may have made it.
      const made = await this.#findReady(key, extras);
      if (made !== null) return made;
      const stamp = (await this.#readStamp(key)) ?? (await this.#build(key, requirements, options));
      return this.#prepared(await this.#addExtras(key, stamp, options));
    } finally {
      release();
    }
  }

  /** The environment if it is there; nothing is made. Throws what `ensure` throws for the one that the user named. */
  async find(): Promise<PreparedPython | null> {
    const given = this.#env.CRUSADER_PYTHON_ENV;
    if (given) return this.#checkGiven(given, {});
    return this.#findReady(await this.#key(), []);
  }

  /**
   * Removes environments that were asked for otherwise (older requirements, another base Python) and that nobody used for
   * a week, and what a process that was killed left half made; never one that is being made. Returns the names of the
   * folders. What cannot be removed stays for the next time.
   */
  async prune(): Promise<string[]> {
    const entries = await readdir(this.#folder).catch(() => []);
    const keys = new Set(entries.flatMap((entry) => OURS.exec(entry)?.[1] ?? []));
    keys.delete(await this.#key());
    const removed: string[] = [];
    for (const key of keys) {
      let release: (() => void) | null = null;
      try {
        release = tryLockFile(path.join(this.#folder, `${key}.lock`));
        if (release === null) continue;
        const used = await stat(this.#stampFile(key)).catch(() => null);
        if (used !== null && this.#now() - used.mtimeMs < KEPT_UNUSED_MS) continue;
        // The stamp first: an environment that lost some of its files must not look whole.
        await rm(this.#stampFile(key), { force: true });
        for (const folder of await this.#foldersOf(key)) {
          await rm(path.join(this.#folder, folder), { recursive: true, force: true });
          removed.push(folder);
        }
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === undefined) throw error;
      } finally {
        release?.();
      }
    }
    return removed;
  }

  async #foldersOf(key: string): Promise<string[]> {
    return (await readdir(this.#folder)).filter((name) => name.startsWith(`${key}-`));
  }

  /** Imports what a rehearsal imports. Throws `python_setup_failed` where the environment is broken. Takes seconds. */
  async verify(prepared: PreparedPython): Promise<void> {
    const given = prepared.python === this.#env.CRUSADER_PYTHON_ENV;
    const folder = path.dirname(path.dirname(prepared.python));
    await this.#environment(folder, {}).check(this.#packages, this.#platform === "linux" && !given);
  }

  async #key(): Promise<string> {
    const { text } = await this.#requirements("cpu");
    return hash([STAMP_VERSION, text, this.#env.CRUSADER_PYTHON ?? "", this.#platform, process.arch]);
  }

  async #checkGiven(python: string, { extras = [], signal }: EnsureOptions): Promise<PreparedPython> {
    const wanted = [...this.#packages, ...extras.flatMap((extra) => EXTRA_PACKAGES[extra])];
    const result = await runPython(python, ["-c", READ_VERSIONS, ...wanted], { env: this.#env, signal });
    if (result.status !== 0) {
      throw new CrusaderError(
        "python_missing",
        `CRUSADER_PYTHON_ENV names ${python}, which does not run as a Python interpreter.`,
        "Give the path of the interpreter inside the environment, e.g. /path/to/env/bin/python.",
        result.output,
      );
    }
    const versions = versionsSchema.parse(JSON.parse(result.stdout));
    const pins = (await this.#requirements("cpu")).versions;
    const transformers = pins.get("transformers");
    const missing = wanted.filter((name) => versions[name] === undefined);
    if (missing.length === 0 && (transformers === undefined || versions.transformers === transformers)) {
      return { python, versions };
    }
    throw new CrusaderError(
      "python_setup_failed",
      missing.length > 0
        ? `The environment that CRUSADER_PYTHON_ENV names lacks ${missing.join(", ")}.`
        : `The environment that CRUSADER_PYTHON_ENV names has transformers ${versions.transformers}; production has ${transformers}.`,
      `Install ${wanted.map((name) => (pins.has(name) ? `${name}==${pins.get(name)}` : name)).join(" ")} there, or unset CRUSADER_PYTHON_ENV.`,
    );
  }

  async #findReady(key: string, extras: readonly PythonExtra[]): Promise<PreparedPython | null> {
    const stamp = await this.#readStamp(key);
    if (stamp === null) return null;
    for (const extra of extras) {
      if (stamp.extras[extra] !== hash([(await this.#requirements(extra)).text])) return null;
    }
    await this.#markUsed(key);
    return this.#prepared(stamp);
  }

  async #markUsed(key: string): Promise<void> {
    const file = this.#stampFile(key);
    const now = this.#now();
    const used = await stat(file).catch(() => null);
    // A folder that may only be read is never pruned either.
    if (used !== null && now - used.mtimeMs > HOUR_MS)
      await utimes(file, now / 1000, now / 1000).catch(() => undefined);
  }

  /** The stamp, if it is whole and its interpreter, and the base Python behind that, are still there. */
  async #readStamp(key: string): Promise<Stamp | null> {
    const text = await readFile(this.#stampFile(key), "utf8").catch(() => null);
    if (text === null) return null;
    const stamp = stampSchema.safeParse(parseJson(text)).data;
    if (stamp === undefined) return null;
    // stat follows the link to the base Python, which an upgrade of the system may have taken away.
    const present = await stat(this.#prepared(stamp).python).catch(() => null);
    return present === null ? null : stamp;
  }

  async #writeStamp(key: string, stamp: Stamp): Promise<void> {
    const temporary = `${this.#stampFile(key)}.${randomBytes(4).toString("hex")}.tmp`;
    await writeFile(temporary, `${JSON.stringify(stamp, null, 2)}\n`);
    await rename(temporary, this.#stampFile(key));
  }

  #stampFile(key: string): string {
    return path.join(this.#folder, `${key}.json`);
  }

  #prepared({ folder, versions }: Stamp): PreparedPython {
    return { python: interpreterOf(path.join(this.#folder, folder), this.#platform), versions };
  }

  async #makeFolder(): Promise<void> {
    try {
      await mkdir(this.#folder, { recursive: true });
      await access(this.#folder, constants.W_OK);
    } catch (error) {
      throw new CrusaderError(
        "data_folder",
        `The folder for the Python environment cannot be used: ${(error as Error).message}`,
        "Make it writable, or set CRUSADER_HOME to a folder that is.",
      );
    }
  }

  /** Holds the lock: makes the environment, and its stamp last. */
  async #build(key: string, requirements: Requirements, options: EnsureOptions): Promise<Stamp> {
    for (const folder of await this.#foldersOf(key)) {
      await rm(path.join(this.#folder, folder), { recursive: true, force: true });
    }
    await this.#checkDisk();
    const { onProgress = () => {}, signal } = options;
    onProgress({ phase: "find", detail: "a Python to start from" });
    const base = await findBasePython({ env: this.#env, platform: this.#platform, signal });

    const folder = `${key}-${randomBytes(4).toString("hex")}`;
    const environment = this.#environment(path.join(this.#folder, folder), options);
    try {
      await environment.create(base);
      await environment.install(requirements);
      const versions = await environment.check(this.#packages, this.#platform === "linux");
      const stamp: Stamp = { version: STAMP_VERSION, folder, versions, extras: {} };
      await this.#writeStamp(key, stamp);
      return stamp;
    } catch (error) {
      await rm(environment.folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** Holds the lock. An extra that breaks off leaves the environment as good for rehearsals as it was. */
  async #addExtras(key: string, stamp: Stamp, options: EnsureOptions): Promise<Stamp> {
    const environment = this.#environment(path.join(this.#folder, stamp.folder), options);
    let current = stamp;
    for (const extra of options.extras ?? []) {
      const requirements = await this.#requirements(extra);
      const wanted = hash([requirements.text]);
      if (current.extras[extra] === wanted) continue;
      await environment.install(requirements);
      current = { ...current, extras: { ...current.extras, [extra]: wanted } };
      await this.#writeStamp(key, current);
    }
    return current;
  }

  #environment(folder: string, { onProgress = () => {}, signal }: EnsureOptions): Environment {
    return new Environment(folder, { env: this.#env, platform: this.#platform, onProgress, signal });
  }

  async #checkDisk(): Promise<void> {
    const { bavail, bsize } = await statfs(this.#folder);
    const free = bavail * bsize;
    if (free >= this.#requiredBytes) return;
    throw new CrusaderError(
      "disk_full",
      `The Python environment needs ${megabytes(this.#requiredBytes)} MB of disk space in ${this.#folder}; ${megabytes(free)} MB are free.`,
      "Free some space, or set CRUSADER_HOME to a folder on another disk.",
    );
  }

  #requirements(name: string): Promise<Requirements> {
    return readRequirements(path.join(this.#requirementsFolder, `requirements-${name}.txt`));
  }
}

/** Stamps, folders and locks, with their key. */
const OURS = /^([0-9a-f]{16})(?:-[0-9a-f]{8}|\.json|\.lock)$/;
const hash = (parts: readonly unknown[]) =>
  createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 16);
const megabytes = (bytes: number) => Math.round(bytes / 1e6).toLocaleString("en-US");
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
