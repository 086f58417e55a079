/** Evaluations on this machine: rehearsals on CPU ranks, production profiles where there are GPUs. */
import { execFile } from "node:child_process";
import { accessSync, constants, readdirSync } from "node:fs";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { arch, availableParallelism, cpus, release, tmpdir, totalmem, type } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { CrusaderError } from "../../../../common/errors.ts";
import { formatBytes } from "../../../../common/format.ts";
import type { PreparedPython } from "../../python/index.ts";
import type { Backend, Evaluation, Listener, Needs, Order } from "../backend.ts";
import { startJudge } from "../judge-process.ts";
import { MARKER_VARIABLE } from "../marked-processes.ts";

export type LocalBackendOptions = {
  /** Finds or makes the Python environment; called until it succeeds, then never again. */
  python: () => Promise<PreparedPython>;
  /** The folder that holds the package `crusades_eval`. */
  packageFolder: string;
  /** How many NVIDIA GPUs there are. */
  gpus?: () => number;
  env?: NodeJS.ProcessEnv;
  platform?: NodeJS.Platform;
};

const ORDER_VERSION = 1;
const PROBE_TIMEOUT_MS = 10_000;
/** Of the user's environment the judge gets these and nothing else; ranks get less still. */
const PASSED_ON =
  /^(?:PATH|HOME|LANG|LC_ALL|LD_LIBRARY_PATH|HF_HOME|CACHED_DATASET_PATH|(?:CUDA|NCCL|NVIDIA|TRITON)_.*)$/;
/** Short: a Unix socket's path, which lies below, holds about 100 bytes. */
const TEMPORARY_PREFIX = "crusader-judge-";
const ABANDONED_AFTER_MS = 24 * 60 * 60 * 1000;

export class LocalBackend implements Backend {
  readonly name = "local";
  readonly #options: LocalBackendOptions;
  readonly #env: NodeJS.ProcessEnv;
  readonly #platform: NodeJS.Platform;
  #python: Promise<PreparedPython> | null = null;
  #sandbox: Promise<{ program: string } | CrusaderError> | null = null;

  constructor(options: LocalBackendOptions) {
    this.#options = options;
    this.#env = options.env ?? process.env;
    this.#platform = options.platform ?? process.platform;
  }

  async check({ profile, numRanks, sandbox }: Needs): Promise<CrusaderError[]> {
    if (this.#platform === "win32") {
      const hint = "Run Crusader in the Windows Subsystem for Linux.";
      return [new CrusaderError("unsupported", "Evaluations need Linux or macOS.", hint)];
    }
    if (sandbox === "container") return [noContainer()];
    const problems: CrusaderError[] = [];
    if (sandbox === "bubblewrap") {
      const found = await this.sandbox();
      if (found instanceof CrusaderError) problems.push(found);
    }
    // Before Python is prepared, which may take a minute.
    const gpus = deviceOf(profile) === "cuda" ? this.#gpuProblem(numRanks) : null;
    if (gpus !== null) return [...problems, gpus];
    try {
      const { versions } = await this.#preparedPython();
      if (deviceOf(profile) === "cuda" && versions.torch?.includes("+cpu")) problems.push(CPU_ONLY_TORCH);
    } catch (error) {
      if (!(error instanceof CrusaderError)) throw error;
      problems.push(error);
    }
    return problems;
  }

  /** bubblewrap, tried by really using it; an error that says what to do where it does not work. */
  async sandbox(): Promise<{ program: string } | CrusaderError> {
    this.#sandbox ??= this.#probeSandbox();
    const found = await this.#sandbox;
    // It may be installed while this process runs.
    if (found instanceof CrusaderError) this.#sandbox = null;
    return found;
  }

  async environment(): Promise<Record<string, string>> {
    const { versions } = await this.#preparedPython();
    return {
      ...versions,
      system: `${type()} ${release()} ${arch()}`,
      processor: cpus()[0]?.model.trim() || "unknown",
      cores: String(availableParallelism()),
      memory: formatBytes(totalmem()),
    };
  }

  async launch(order: Order, listener: Listener): Promise<Evaluation> {
    if (order.sandbox === "container") throw noContainer();
    const { python } = await this.#preparedPython();
    const sandbox = order.sandbox === "bubblewrap" ? await this.sandbox() : null;
    if (sandbox instanceof CrusaderError) throw sandbox;
    const temporaryFolder = await mkdtemp(join(tmpdir(), TEMPORARY_PREFIX));
    const evaluation = startJudge(
      {
        program: python,
        args: ["-m", "crusades_eval.judge", "--events-fd", "3"],
        env: this.#judgeEnvironment(order.marker, temporaryFolder),
        marker: order.marker,
        order: JSON.stringify({
          version: ORDER_VERSION,
          runId: order.marker,
          repeat: order.repeat,
          sourcePath: order.sourcePath,
          profile: order.profile,
          policy: order.policy,
          numRanks: order.numRanks,
          seed: order.seed,
          sandbox: sandbox === null ? { kind: "none" } : { kind: "bubblewrap", program: sandbox.program },
          ignoreCudaNeeds: order.ignoreCudaNeeds,
        }),
        fallback: { seed: order.seed, numRanks: order.numRanks, device: deviceOf(order.profile) },
      },
      listener,
    );
    const done = evaluation.done.finally(() => rm(temporaryFolder, { recursive: true, force: true }));
    return { done, cancel: () => evaluation.cancel(), kill: () => evaluation.kill() };
  }

  async #preparedPython(): Promise<PreparedPython> {
    const python = this.#python ?? this.#options.python();
    this.#python = python;
    try {
      return await python;
    } catch (error) {
      // It may be set up while this process runs.
      this.#python = null;
      throw error;
    }
  }

  #judgeEnvironment(marker: string, temporaryFolder: string): Record<string, string> {
    const passedOn = Object.entries(this.#env).filter(
      (entry): entry is [string, string] => entry[1] !== undefined && PASSED_ON.test(entry[0]),
    );
    return {
      ...Object.fromEntries(passedOn),
      TMPDIR: temporaryFolder,
      PYTHONPATH: this.#options.packageFolder,
      PYTHONDONTWRITEBYTECODE: "1",
      PYTHONUTF8: "1",
      [MARKER_VARIABLE]: marker,
    };
  }

  async #probeSandbox(): Promise<{ program: string } | CrusaderError> {
    if (this.#platform !== "linux") {
      return missingSandbox("There is no sandbox for this system: bubblewrap is for Linux.");
    }
    const program = onPath("bwrap", this.#env.PATH);
    if (program === null) {
      return missingSandbox(
        "bubblewrap is not installed, so a submission would run without a sandbox.",
        "Install it (Debian, Ubuntu: apt install bubblewrap; Fedora: dnf install bubblewrap; Arch: pacman -S bubblewrap).",
      );
    }
    const links = ["bin", "sbin", "lib", "lib64"].flatMap((name) => ["--ro-bind-try", `/${name}`, `/${name}`]);
    const args = ["--unshare-all", "--die-with-parent", "--ro-bind", "/usr", "/usr", ...links, "--proc", "/proc"];
    try {
      await promisify(execFile)(program, [...args, "--dev", "/dev", "true"], { timeout: PROBE_TIMEOUT_MS });
      return { program };
    } catch (error) {
      const said = String((error as { stderr?: string }).stderr ?? "").trim();
      return missingSandbox(
        `bubblewrap does not work here: ${said || (error as Error).message}`,
        "Allow unprivileged user namespaces (on Ubuntu an AppArmor profile for bwrap).",
      );
    }
  }

  #gpuProblem(wanted: number): CrusaderError | null {
    const found = (this.#options.gpus ?? countGpus)();
    if (found >= wanted) return null;
    const rehearse = "Rehearse it instead (--profile rehearsal); `crusader scan` judges the rest.";
    return found === 0
      ? new CrusaderError("unsupported", "The profile needs CUDA, and this machine has no NVIDIA GPU.", rehearse)
      : new CrusaderError(
          "unsupported",
          `The profile needs ${wanted} GPUs, and this machine has ${found}.`,
          `Use fewer (--num-gpus ${found}), or rehearse it (--profile rehearsal).`,
        );
  }
}

const CPU_ONLY_TORCH = new CrusaderError(
  "python_setup_failed",
  "The profile needs CUDA, and the Python environment holds PyTorch for CPUs.",
  "Name an environment with a CUDA build of PyTorch in CRUSADER_PYTHON_ENV.",
);

function noContainer(): CrusaderError {
  return new CrusaderError("unsupported", "The local backend has no containers.", "Choose the docker backend.");
}

function missingSandbox(message: string, remedy = ""): CrusaderError {
  const consent = "--no-sandbox runs your own file without one: it can then do whatever you can.";
  return new CrusaderError("sandbox_missing", message, `${remedy} ${consent}`.trim());
}

/** The device of a complete profile. */
function deviceOf(profile: Record<string, unknown>): string {
  return (profile.crusader as { device?: string } | undefined)?.device ?? "cuda";
}

function onPath(name: string, path = ""): string | null {
  return (
    path
      .split(delimiter)
      .map((folder) => join(folder, name))
      .find(isExecutable) ?? null
  );
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** As the driver counts them; 0 without a driver. */
function countGpus(): number {
  try {
    return readdirSync("/proc/driver/nvidia/gpus").length;
  } catch {
    return 0;
  }
}

/** Removes what killed judges left in the system's folder for temporary files. */
export async function removeAbandonedFolders(now: number): Promise<void> {
  for (const entry of await readdir(tmpdir())) {
    if (!entry.startsWith(TEMPORARY_PREFIX)) continue;
    const folder = join(tmpdir(), entry);
    const found = await stat(folder).catch(() => null);
    const abandoned = found !== null && found.uid === process.getuid?.() && now - found.mtimeMs > ABANDONED_AFTER_MS;
    if (abandoned) await rm(folder, { recursive: true, force: true });
  }
}
