/**
 * What nvidia-smi says, read. Pure. Formats as in NVIDIA's documentation of the program (`--help-query-gpu`,
 * `--query-compute-apps`, "topo -m", "topo -p2p"): CSV without heading and units, fields in the order in which
 * crusades_eval/machine_report.py asks for them; "[N/A]", "[Not Supported]" and the like where a GPU does not tell.
 */
import { stripVTControlCharacters } from "node:util";
import type { Answer, MachineReport } from "./machine-report.ts";

export type NvidiaGpu = {
  index: number;
  uuid: string;
  name: string;
  driver: string;
  memoryMib: number | null;
  usedMib: number | null;
  utilizationPercent: number | null;
  /** Null: this model has none. */
  mig: boolean | null;
  /** Null: this model has none. */
  ecc: boolean | null;
  /** Uncorrected errors since the driver was loaded. */
  eccErrors: number | null;
  powerLimitWatts: number | null;
  defaultPowerLimitWatts: number | null;
  /** "8.0"; null where the driver is too old to tell. */
  computeCapability: string | null;
};

export type GpuProcess = { gpuUuid: string; pid: number | null; name: string; usedMib: number | null };

/** More than any machine has. */
const MAX_GPUS = 256;

/** Between two GPUs, as `topo` names it: "NV12", "SYS", "PHB", "NODE"; as `topo -p2p` does: "OK", "NS", "CNS". */
export type Link = { from: number; to: number; kind: string };

export type NvidiaFacts = { gpus: NvidiaGpu[]; processes: GpuProcess[]; links: Link[]; peers: Link[] };

/** Why nvidia-smi told nothing, as far as the words tell. */
export type NvidiaProblem = {
  kind: "version_mismatch" | "no_driver" | "no_devices" | "silent" | "other";
  words: string;
};

export function readNvidia(answers: NonNullable<MachineReport["nvidiaSmi"]>): NvidiaFacts | NvidiaProblem {
  if (answers.gpus.exitStatus !== 0) return nvidiaProblem(answers.gpus);
  const capabilities = new Map(rowsOf(answers.computeCapabilities).map(([index, value]) => [index, known(value)]));
  const gpus = rowsOf(answers.gpus).flatMap((row) => {
    const [index = "", uuid = "", name = "", driver = "", memory, used, utilization, mig, ecc, errors, power, usual] =
      row;
    if (!/^\d+$/.test(index) || row.length < 12) return [];
    return [
      {
        index: Number(index),
        uuid,
        name,
        driver,
        memoryMib: numberOf(memory),
        usedMib: numberOf(used),
        utilizationPercent: numberOf(utilization),
        mig: switchOf(mig),
        ecc: switchOf(ecc),
        eccErrors: numberOf(errors),
        powerLimitWatts: numberOf(power),
        defaultPowerLimitWatts: numberOf(usual),
        computeCapability: capabilities.get(index) ?? null,
      },
    ];
  });
  if (gpus.length === 0) return { kind: "no_devices", words: answers.gpus.output.trim() };
  return {
    gpus,
    processes: processesOf(answers.processes),
    links: matrix(answers.topology),
    peers: matrix(answers.peers),
  };
}

/** By its words; its exit status (6, 9, 18) is the same with any of them in some versions. */
export function nvidiaProblem({ exitStatus, output }: Answer): NvidiaProblem {
  const words = output.trim();
  if (/version mismatch/i.test(words)) return { kind: "version_mismatch", words };
  if (/No devices were found/i.test(words)) return { kind: "no_devices", words };
  if (/communicate with the NVIDIA driver|Driver Not Loaded|couldn't find libnvidia-ml|libnvidia-ml\.so/i.test(words)) {
    return { kind: "no_driver", words };
  }
  return exitStatus === null ? { kind: "silent", words } : { kind: "other", words };
}

/** One a line: what uses a GPU. In a container the driver may hide their names, and whose they are. */
function processesOf(answer: Answer | undefined): GpuProcess[] {
  return rowsOf(answer).flatMap(([gpuUuid = "", pid, name = "", used]) =>
    gpuUuid.startsWith("GPU-") || gpuUuid.startsWith("MIG-")
      ? [{ gpuUuid, pid: numberOf(pid), name: known(name) ?? "", usedMib: numberOf(used) }]
      : [],
  );
}

/**
 * The part of a table of `topo` that is about two GPUs. Its heading names columns ("GPU0  GPU1  NIC0  CPU Affinity"), and
 * may be underlined by escape sequences; network cards and affinities are left out.
 */
export function matrix(answer: Answer | undefined): Link[] {
  if (answer?.exitStatus !== 0) return [];
  const lines = stripVTControlCharacters(answer.output)
    .split("\n")
    .map((line) => line.trim().split(/\s+/));
  // A GPU's own row has an X in its first column.
  const heading = lines.findIndex(([first, second]) => first === "GPU0" && second !== "X");
  if (heading === -1) return [];
  const columns = (lines[heading] ?? []).filter((cell) => /^(?:GPU|NIC)\d+$/.test(cell)).slice(0, MAX_GPUS);
  return lines.slice(heading + 1, heading + 1 + MAX_GPUS).flatMap(([row = "", ...cells]) => {
    const from = gpuNumber(row);
    if (from === null) return [];
    return columns.flatMap((column, at) => {
      const to = gpuNumber(column);
      const kind = cells[at];
      return to === null || to === from || kind === undefined ? [] : [{ from, to, kind }];
    });
  });
}

function gpuNumber(cell: string): number | null {
  const match = /^GPU(\d+)$/.exec(cell);
  return match === null ? null : Number(match[1]);
}

function rowsOf(answer: Answer | undefined): string[][] {
  if (answer?.exitStatus !== 0) return [];
  return answer.output
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => line.split(",").map((cell) => cell.trim()));
}

function known(cell: string | undefined): string | null {
  return cell === undefined || cell === "" || /^(?:\[.*\]|N\/A)$/.test(cell) ? null : cell;
}

function numberOf(cell: string | undefined): number | null {
  const text = known(cell);
  const number = text === null ? Number.NaN : Number(text);
  return Number.isFinite(number) ? number : null;
}

function switchOf(cell: string | undefined): boolean | null {
  return cell === "Enabled" ? true : cell === "Disabled" ? false : null;
}
