/** What this machine has to judge submissions with. Looks each time it is asked; changes nothing. */
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { arch, availableParallelism, cpus, release, totalmem, type } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { CrusaderError } from "../../../common/errors.ts";
import type { Machine, Presence } from "../../../common/machine.ts";
import type { PreparedPython } from "../python/index.ts";

export type MachineServiceOptions = {
  dataFolder: string;
  env: NodeJS.ProcessEnv;
  /** The Python environment if it is there (`PythonService.find`). */
  findPython: () => Promise<PreparedPython | null>;
  /** `LocalBackend.sandbox`. */
  findSandbox: () => Promise<{ program: string } | CrusaderError>;
};

const DOCKER_TIMEOUT_MS = 5000;
const GPU_FOLDER = "/proc/driver/nvidia/gpus";

export const PYTHON_NOT_PREPARED = new CrusaderError(
  "python_missing",
  "The Python environment that rehearsals run in is not there yet.",
  "Set it up: about 1 GB, once (crusader setup, or the button beside this message).",
);

export class MachineService {
  readonly #options: MachineServiceOptions;

  constructor(options: MachineServiceOptions) {
    this.#options = options;
  }

  async read(): Promise<Machine> {
    const { dataFolder, env, findPython, findSandbox } = this.#options;
    const [docker, python, sandbox, free] = await Promise.all([
      findDocker(env),
      findPython().catch((error: unknown) => {
        if (error instanceof CrusaderError) return error;
        throw error;
      }),
      findSandbox(),
      freeBytes(dataFolder),
    ]);
    return {
      system: `${type()} ${release()} ${arch()}`,
      processor: cpus()[0]?.model.trim() || "unknown",
      cores: availableParallelism(),
      memoryBytes: totalmem(),
      gpus: gpuNames(),
      docker,
      python: presenceOf(python ?? PYTHON_NOT_PREPARED, ({ versions }) =>
        Object.entries(versions)
          .map(([name, version]) => `${name} ${version}`)
          .join(", "),
      ),
      versions: python === null || python instanceof CrusaderError ? {} : python.versions,
      sandbox: presenceOf(sandbox, () => "bubblewrap"),
      dataFolder,
      dataFolderFreeBytes: free,
    };
  }
}

function presenceOf<T>(found: T | CrusaderError, describe: (found: T) => string): Presence {
  return found instanceof CrusaderError
    ? { state: "missing", problem: found.report() }
    : { state: "ready", summary: describe(found) };
}

/** As the driver names them; none without a driver. */
function gpuNames(): string[] {
  try {
    return readdirSync(GPU_FOLDER).map((gpu) => {
      const information = readFileSync(join(GPU_FOLDER, gpu, "information"), "utf8");
      return /^Model:\s*(.+)$/m.exec(information)?.[1]?.trim() ?? "NVIDIA GPU";
    });
  } catch {
    return [];
  }
}

async function findDocker(env: NodeJS.ProcessEnv): Promise<Presence> {
  try {
    const args = ["version", "--format", "{{.Server.Version}}"];
    const { stdout } = await promisify(execFile)("docker", args, { timeout: DOCKER_TIMEOUT_MS, env });
    return { state: "ready", summary: `Docker ${stdout.trim()}` };
  } catch (error) {
    const { code, stderr = "" } = error as { code?: unknown; stderr?: string };
    const problem =
      code === "ENOENT"
        ? new CrusaderError("unsupported", "Docker is not installed.", "Rehearsals do without it.")
        : new CrusaderError(
            "unsupported",
            "The Docker engine does not answer.",
            "Start it, or check that this user may use it (group docker). Rehearsals do without it.",
            stderr.trim(),
          );
    return { state: "missing", problem: problem.report() };
  }
}

/** Null where the folder is not there yet. */
async function freeBytes(folder: string): Promise<number | null> {
  try {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  } catch {
    return null;
  }
}
