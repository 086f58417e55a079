/**
 * One virtual environment on disk: made, filled, checked. Whether a folder is a whole one is python-service.ts' to say.
 */
import { mkdir, readdir, rm } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import { PYTORCH_CPU_INDEX } from "../../../common/addresses.ts";
import { CrusaderError } from "../../../common/errors.ts";
import type { BasePython } from "./base-python.ts";
import { PipProgress } from "./pip.ts";
import { type RunOptions, type RunResult, runProgram } from "./process.ts";
import type { PythonProgress } from "./progress.ts";
import type { Requirements } from "./requirements.ts";

export interface EnvironmentOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly platform: NodeJS.Platform;
  readonly onProgress: (progress: PythonProgress) => void;
  readonly signal?: AbortSignal | undefined;
}

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

export class Environment {
  readonly folder: string;
  readonly #options: EnvironmentOptions;

  constructor(folder: string, options: EnvironmentOptions) {
    this.folder = folder;
    this.#options = options;
  }

  /** Path of the interpreter. */
  get python(): string {
    return interpreterOf(this.folder, this.#options.platform);
  }

  /** Makes the environment with nothing but pip in it. Throws `python_setup_failed`. */
  async create(base: BasePython): Promise<void> {
    this.#options.onProgress({ phase: "create", detail: `from Python ${base.version}` });
    const result = await runPython(base.executable, ["-m", "venv", this.folder], this.#options);
    if (result.status === 0) return;
    throw new CrusaderError(
      "python_setup_failed",
      `Python ${base.version} (${base.executable}) could not make an environment: ${lastLine(result.output)}`,
      "Name another Python in CRUSADER_PYTHON.",
      result.output,
    );
  }

  /** Installs what is pinned, from wheels only. Throws `python_setup_failed` or `disk_full`. */
  async install(requirements: Requirements): Promise<void> {
    const temporary = path.join(this.folder, "tmp");
    await mkdir(temporary, { recursive: true });
    try {
      // Builds without CUDA come from PyTorch's own index, which is asked for nothing else. Found elsewhere (a
      // mirror, a folder of wheels), they do without it: pip only warns about an index that does not answer.
      if (requirements.cpuBuilds.length > 0 && this.#options.platform === "linux") {
        const source = ["--no-deps", "--retries=2", `--extra-index-url=${PYTORCH_CPU_INDEX}`];
        await this.#pip([...source, ...requirements.cpuBuilds], requirements, temporary);
      }
      await this.#pip(["--requirement", requirements.file], requirements, temporary);
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
  }

  /**
   * Imports `packages` and returns their versions and Python's; takes seconds. With `cpuOnly` a PyTorch with CUDA is
   * refused. Throws `python_setup_failed`.
   */
  async check(packages: readonly string[], cpuOnly: boolean): Promise<Record<string, string>> {
    this.#options.onProgress({ phase: "verify", detail: packages.join(", ") });
    const args = ["-c", VERIFY, cpuOnly ? "cpu" : "any", ...packages];
    const result = await runPython(this.python, args, this.#options);
    if (result.status === 0) return versionsSchema.parse(JSON.parse(result.stdout));
    throw new CrusaderError(
      "python_setup_failed",
      `The Python environment does not work: ${lastLine(result.output)}`,
      "`crusader setup --force` makes it anew.",
      result.output,
    );
  }

  async #pip(args: readonly string[], requirements: Requirements, temporary: string): Promise<void> {
    const { env, platform, signal, onProgress } = this.#options;
    const sitePackages = await this.#sitePackages();
    const packages = requirements.versions.size;
    const progress = new PipProgress({ packages, temporary, sitePackages, report: onProgress });
    const polling = setInterval(() => progress.poll(), POLL_MS);
    const fixed = ["--disable-pip-version-check", "--progress-bar=off", "--only-binary=:all:"];
    const result = await runPython(this.python, ["-m", "pip", "install", ...fixed, ...args], {
      signal,
      onLine: (line) => progress.take(line),
      // In our folder, so that nothing is left elsewhere and a small /tmp does not matter.
      env: { ...env, TMPDIR: temporary, TEMP: temporary, TMP: temporary },
    }).finally(() => clearInterval(polling));
    if (result.status !== 0) throw installFailed(result, this.folder, platform);
  }

  async #sitePackages(): Promise<string> {
    if (this.#options.platform === "win32") return path.join(this.folder, "Lib", "site-packages");
    const [version = ""] = await readdir(path.join(this.folder, "lib"));
    return path.join(this.folder, "lib", version, "site-packages");
  }
}

export function interpreterOf(environment: string, platform: NodeJS.Platform): string {
  return platform === "win32"
    ? path.join(environment, "Scripts", "python.exe")
    : path.join(environment, "bin", "python");
}

export const versionsSchema = z.record(z.string(), z.string());

/** Runs an interpreter free of what the user's shell says about Python. */
export function runPython(python: string, args: readonly string[], options: RunOptions): Promise<RunResult> {
  const env = { ...options.env };
  // pip's settings that would send packages elsewhere than into the environment; `-I` ignores Python's own.
  for (const name of ["PIP_USER", "PIP_TARGET", "PIP_PREFIX"]) delete env[name];
  return runProgram(python, ["-I", "-X", "utf8", ...args], { ...options, env });
}

function installFailed({ output }: RunResult, folder: string, platform: NodeJS.Platform): CrusaderError {
  if (/No space left on device|Errno 28/.test(output)) {
    return new CrusaderError(
      "disk_full",
      `The disk ran full while Python packages were installed in ${folder}.`,
      "Free some space, or set CRUSADER_HOME to a folder on another disk.",
      output,
    );
  }
  const error = output.split("\n").findLast((line) => line.startsWith("ERROR:"));
  const message = `The Python packages could not be installed: ${error?.slice("ERROR:".length).trim() ?? lastLine(output)}`;
  return new CrusaderError("python_setup_failed", message, installHint(output, platform), output);
}

function installHint(output: string, platform: NodeJS.Platform): string {
  // A file cut short reads as an invalid wheel to older versions of pip.
  if (/connection|timed? ?out|IncompleteRead|ProxyError|SSLError|is invalid|DO NOT MATCH/i.test(output)) {
    return "Check the connection (proxies and mirrors: pip's own configuration) and try again: finished downloads are kept.";
  }
  const unavailable = /No matching distribution found for (\S+)/.exec(output)?.[1];
  if (unavailable === undefined) return "pip's output is above. Finished downloads are kept for the next try.";
  return (
    `There may be no build of ${unavailable} for this system (${platform} ${process.arch}) and Python: ` +
    "CRUSADER_PYTHON names another Python, CRUSADER_PYTHON_ENV an environment of your own."
  );
}

const lastLine = (text: string) => text.trimEnd().split("\n").at(-1)?.trim() || "no output";
