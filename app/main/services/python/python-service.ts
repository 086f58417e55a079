/**
 * The managed Python environment that rehearsals run in.
 *
 *     <data folder>/python/<key>.json       the stamp: names the folder of a complete environment
 *     <data folder>/python/<key>-<random>/  an environment; without a stamp that names it, a leftover
 *
 * The key is a hash of what was asked for (requirements, base Python, platform), so a change of it makes a new
 * environment. The stamp is written last and at once, so an environment is either complete or not there.
 */
import { createHash, randomBytes } from "node:crypto";
import { access, constants, mkdir, readdir, readFile, rename, rm, stat, statfs, writeFile } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import { PYTORCH_CPU_INDEX } from "../../../common/addresses.ts";
import { CrusaderError } from "../../../common/errors.ts";
import { type BasePython, findBasePython } from "./base-python.ts";
import { lockFile } from "./file-lock.ts";
import { PipProgress } from "./pip.ts";
import { type RunResult, runProgram } from "./process.ts";

export type PythonPhase = "wait" | "find" | "create" | "download" | "install" | "verify";
export interface PythonProgress {
  readonly phase: PythonPhase;
  readonly done?: number | undefined;
  readonly total?: number | undefined;
  /** "packages" or "bytes" (of the one file named in `detail`). */
  readonly unit?: string | undefined;
  readonly detail: string;
}

/** What more than a rehearsal needs: "test" is pytest and ruff. */
export type PythonExtra = "test";

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
const POLL_MS = 300;

/** Prints `{name: version}`; fails where a package does not import or, on Linux, where torch brings CUDA along. */
const VERIFY = `
import importlib, importlib.metadata, json, platform, sys
names, cpu_only = sys.argv[2:], sys.argv[1] == "cpu"
versions = {"python": platform.python_version()}
for name in names:
    importlib.import_module(name)
    versions[name] = importlib.metadata.version(name)
if cpu_only and "torch" in sys.modules and sys.modules["torch"].version.cuda is not None:
    sys.exit("this PyTorch is a CUDA build: " + versions["torch"])
print(json.dumps(versions))
`;

/** As VERIFY, but from the packages' metadata: a tenth of a second instead of several. */
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

  constructor(options: PythonServiceOptions) {
    this.#folder = path.join(options.dataFolder, "python");
    this.#requirementsFolder = options.requirementsFolder;
    this.#env = options.env ?? process.env;
    this.#platform = options.platform ?? process.platform;
    this.#packages = options.packages ?? ["torch", "transformers", "numpy"];
    this.#requiredBytes = options.requiredBytes ?? REQUIRED_BYTES;
  }

  /**
   * Returns the environment, made first where it is missing. Once made, a call costs a few file reads.
   *
   * `CRUSADER_PYTHON_ENV` names the interpreter of an environment to use instead; that one is checked, never changed.
   * Throws `python_missing`, `python_setup_failed`, `disk_full`, or the signal's reason when aborted; then
   * whatever was half made is gone, and what was downloaded stays in pip's cache for the next try.
   */
  async ensure({
    extras = [],
    anew = false,
    onProgress = () => {},
    signal,
  }: EnsureOptions = {}): Promise<PreparedPython> {
    signal?.throwIfAborted();
    const given = this.#env.CRUSADER_PYTHON_ENV;
    if (given) return this.#checkGiven(given, extras, signal);

    const requirements = await this.#readRequirements("cpu");
    const key = hash([STAMP_VERSION, requirements.text, this.#env.CRUSADER_PYTHON ?? "", this.#platform, process.arch]);
    const ready = await this.#findReady(key, extras);
    if (ready !== null && !anew) return ready;

    await this.#makeFolder();
    const release = await lockFile(
      path.join(this.#folder, `${key}.lock`),
      () => onProgress({ phase: "wait", detail: "another process is preparing the environment" }),
      signal,
    );
    try {
      if (anew) await rm(this.#stampFile(key), { force: true });
      // The one that held the lock may have made it.
      const made = await this.#findReady(key, extras);
      if (made !== null) return made;
      const stamp = (await this.#readStamp(key)) ?? (await this.#build(key, requirements, onProgress, signal));
      return this.#prepared(await this.#addExtras(key, stamp, extras, onProgress, signal));
    } finally {
      release();
    }
  }

  /** Imports what a rehearsal imports. Throws `python_setup_failed` where the environment is broken. Takes seconds. */
  async verify(python: string, signal?: AbortSignal): Promise<Record<string, string>> {
    const build = this.#platform === "linux" && !this.#env.CRUSADER_PYTHON_ENV ? "cpu" : "any";
    const result = await this.#python(python, ["-c", VERIFY, build, ...this.#packages], { signal });
    if (result.status === 0) return versionsSchema.parse(JSON.parse(result.stdout));
    throw new CrusaderError(
      "python_setup_failed",
      `The Python environment does not work: ${lastLine(result.output)}`,
      "`crusader setup --force` makes it anew.",
      result.output,
    );
  }

  async #checkGiven(python: string, extras: readonly PythonExtra[], signal?: AbortSignal): Promise<PreparedPython> {
    const pins = await this.#readRequirements("cpu");
    const result = await this.#python(
      python,
      ["-c", READ_VERSIONS, ...this.#packages, ...extras.flatMap(extraPackages)],
      {
        signal,
      },
    );
    if (result.status !== 0) {
      throw new CrusaderError(
        "python_missing",
        `CRUSADER_PYTHON_ENV names ${python}, which does not run as a Python interpreter.`,
        "Give the path of the interpreter inside the environment, e.g. /path/to/env/bin/python.",
        result.output,
      );
    }
    const versions = versionsSchema.parse(JSON.parse(result.stdout));
    const missing = [...this.#packages, ...extras.flatMap(extraPackages)].filter(
      (name) => versions[name] === undefined,
    );
    const transformers = pins.versions.get("transformers");
    const problem =
      missing.length > 0
        ? `lacks ${missing.join(", ")}`
        : transformers !== undefined && versions.transformers !== transformers
          ? `has transformers ${versions.transformers}; production runs ${transformers}, and others compute other numbers`
          : null;
    if (problem === null) return { python, versions };
    throw new CrusaderError(
      "python_setup_failed",
      `The environment that CRUSADER_PYTHON_ENV names ${problem}.`,
      `Install ${[...pins.versions]
        .map(([name, version]) => `${name}==${version}`)
        .slice(0, 3)
        .join(" ")} there, or unset CRUSADER_PYTHON_ENV.`,
    );
  }

  async #findReady(key: string, extras: readonly PythonExtra[]): Promise<PreparedPython | null> {
    const stamp = await this.#readStamp(key);
    if (stamp === null) return null;
    for (const extra of extras) {
      if (stamp.extras[extra] !== hash([(await this.#readRequirements(extra)).text])) return null;
    }
    return this.#prepared(stamp);
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
    return { python: this.#interpreter(path.join(this.#folder, folder)), versions };
  }

  #interpreter(environment: string): string {
    return this.#platform === "win32"
      ? path.join(environment, "Scripts", "python.exe")
      : path.join(environment, "bin", "python");
  }

  async #makeFolder(): Promise<void> {
    try {
      await mkdir(this.#folder, { recursive: true });
      await access(this.#folder, constants.W_OK);
    } catch (error) {
      throw new CrusaderError(
        "python_setup_failed",
        `The folder for the Python environment cannot be used: ${(error as Error).message}`,
        "Make it writable, or set CRUSADER_HOME to a folder that is.",
      );
    }
  }

  /** Holds the lock: makes the environment, and its stamp last. */
  async #build(
    key: string,
    requirements: Requirements,
    onProgress: (progress: PythonProgress) => void,
    signal?: AbortSignal,
  ): Promise<Stamp> {
    for (const name of await readdir(this.#folder)) {
      if (name.startsWith(`${key}-`)) await rm(path.join(this.#folder, name), { recursive: true, force: true });
    }
    await this.#checkDisk();

    onProgress({ phase: "find", detail: "a Python to start from" });
    const base = await findBasePython({ env: this.#env, platform: this.#platform, signal });
    const folder = `${key}-${randomBytes(4).toString("hex")}`;
    const environment = path.join(this.#folder, folder);
    try {
      onProgress({ phase: "create", detail: `from Python ${base.version}` });
      await this.#create(base, environment, signal);
      await this.#install(environment, "cpu", requirements, onProgress, signal);
      onProgress({ phase: "verify", detail: this.#packages.join(", ") });
      const versions = await this.verify(this.#interpreter(environment), signal);
      const stamp: Stamp = { version: STAMP_VERSION, folder, versions, extras: {} };
      await this.#writeStamp(key, stamp);
      return stamp;
    } catch (error) {
      await rm(environment, { recursive: true, force: true });
      throw error;
    }
  }

  async #addExtras(
    key: string,
    stamp: Stamp,
    extras: readonly PythonExtra[],
    onProgress: (progress: PythonProgress) => void,
    signal?: AbortSignal,
  ): Promise<Stamp> {
    let current = stamp;
    for (const extra of extras) {
      const requirements = await this.#readRequirements(extra);
      const wanted = hash([requirements.text]);
      if (current.extras[extra] === wanted) continue;
      await this.#install(path.join(this.#folder, stamp.folder), extra, requirements, onProgress, signal);
      current = { ...current, extras: { ...current.extras, [extra]: wanted } };
      await this.#writeStamp(key, current);
    }
    return current;
  }

  async #create(base: BasePython, environment: string, signal?: AbortSignal): Promise<void> {
    const result = await this.#python(base.executable, ["-m", "venv", environment], { signal });
    if (result.status !== 0) {
      throw new CrusaderError(
        "python_setup_failed",
        `Python ${base.version} (${base.executable}) could not make an environment: ${lastLine(result.output)}`,
        "Name another Python in CRUSADER_PYTHON.",
        result.output,
      );
    }
  }

  async #install(
    environment: string,
    name: string,
    requirements: Requirements,
    onProgress: (progress: PythonProgress) => void,
    signal?: AbortSignal,
  ): Promise<void> {
    const python = this.#interpreter(environment);
    const temporary = path.join(environment, "tmp");
    await mkdir(temporary, { recursive: true });
    const sitePackages = await this.#sitePackages(environment);
    const pip = async (args: readonly string[]) => {
      const progress = new PipProgress({
        packages: requirements.versions.size,
        temporary,
        sitePackages,
        report: onProgress,
      });
      const polling = setInterval(() => progress.poll(), POLL_MS);
      const fixed = ["-m", "pip", "install", "--disable-pip-version-check", "--progress-bar=off"];
      const result = await this.#python(python, [...fixed, ...args], {
        signal,
        onLine: (line) => progress.take(line),
        // In our folder, so that nothing is left elsewhere and a small /tmp does not matter.
        env: { TMPDIR: temporary, TEMP: temporary, TMP: temporary },
      }).finally(() => clearInterval(polling));
      if (result.status !== 0) throw this.#installFailed(result);
    };
    try {
      // Builds without CUDA come from PyTorch's own index, which is asked for nothing else. Found elsewhere (a
      // mirror, a folder of wheels), they do without it: pip only warns about an index that does not answer.
      if (requirements.cpuBuilds.length > 0 && this.#platform === "linux") {
        await pip(["--no-deps", "--retries=2", `--extra-index-url=${PYTORCH_CPU_INDEX}`, ...requirements.cpuBuilds]);
      }
      await pip(["--requirement", this.#requirementsFile(name)]);
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
  }

  async #sitePackages(environment: string): Promise<string> {
    if (this.#platform === "win32") return path.join(environment, "Lib", "site-packages");
    const [version = ""] = await readdir(path.join(environment, "lib"));
    return path.join(environment, "lib", version, "site-packages");
  }

  async #checkDisk(): Promise<void> {
    const { bavail, bsize } = await statfs(this.#folder);
    const free = bavail * bsize;
    if (free < this.#requiredBytes) throw this.#diskFull(`${megabytes(free)} MB are free`);
  }

  #diskFull(state: string): CrusaderError {
    return new CrusaderError(
      "disk_full",
      `The Python environment needs ${megabytes(this.#requiredBytes)} MB of disk space in ${this.#folder}; ${state}.`,
      "Free some space, or set CRUSADER_HOME to a folder on another disk.",
    );
  }

  #installFailed({ output }: RunResult): CrusaderError {
    if (/No space left on device|Errno 28/.test(output)) return this.#diskFull("it ran full");
    const lines = output.split("\n");
    const cause =
      lines
        .findLast((line) => line.startsWith("ERROR:"))
        ?.slice("ERROR:".length)
        .trim() ?? lastLine(output);
    // A file cut short reads as an invalid wheel to older versions of pip.
    const network = /connection|timed? ?out|IncompleteRead|ProxyError|SSLError|is invalid|DO NOT MATCH/i.test(output);
    const unavailable = /No matching distribution found for (\S+)/.exec(output)?.[1];
    let hint = "What was downloaded is kept. Look at pip's output above and try again.";
    if (network) {
      hint =
        "Check the connection (proxies and mirrors: pip's own configuration) and try again: finished downloads are kept.";
    } else if (unavailable !== undefined) {
      hint = `There may be no build of ${unavailable} for this system (${this.#platform} ${process.arch}) and Python; CRUSADER_PYTHON names another Python, CRUSADER_PYTHON_ENV an environment of your own.`;
    }
    return new CrusaderError(
      "python_setup_failed",
      `The Python packages could not be installed: ${cause}`,
      hint,
      output,
    );
  }

  #python(
    python: string,
    args: readonly string[],
    options: { signal?: AbortSignal | undefined; onLine?: (line: string) => void; env?: NodeJS.ProcessEnv },
  ): Promise<RunResult> {
    const env: NodeJS.ProcessEnv = { ...this.#env, ...options.env };
    // Settings that would send packages, or imports, elsewhere than into the environment.
    for (const name of ["PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PYTHONHOME", "PYTHONPATH"]) delete env[name];
    return runProgram(python, ["-I", "-X", "utf8", ...args], { env, signal: options.signal, onLine: options.onLine });
  }

  #requirementsFile(name: string): string {
    return path.join(this.#requirementsFolder, `requirements-${name}.txt`);
  }

  async #readRequirements(name: string): Promise<Requirements> {
    return parseRequirements(await readFile(this.#requirementsFile(name), "utf8"));
  }
}

interface Requirements {
  readonly text: string;
  /** Pinned version by package name; of several pins under different markers, the first. */
  readonly versions: ReadonlyMap<string, string>;
  /** Pins of builds without CUDA, e.g. "torch==2.13.0+cpu". */
  readonly cpuBuilds: readonly string[];
}

function parseRequirements(text: string): Requirements {
  const pins = [...text.matchAll(/^([A-Za-z0-9._-]+)==(\S+)/gm)];
  const versions = new Map<string, string>();
  for (const [, name = "", version = ""] of pins) if (!versions.has(name)) versions.set(name, version);
  return { text, versions, cpuBuilds: pins.map(([pin]) => pin).filter((pin) => pin.endsWith("+cpu")) };
}

function extraPackages(extra: PythonExtra): readonly string[] {
  return { test: ["pytest", "ruff"] }[extra];
}

const versionsSchema = z.record(z.string(), z.string());

const hash = (parts: readonly unknown[]) =>
  createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 16);
const megabytes = (bytes: number) => Math.round(bytes / 1e6).toLocaleString("en-US");
const lastLine = (text: string) => text.trimEnd().split("\n").at(-1)?.trim() || "no output";

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
