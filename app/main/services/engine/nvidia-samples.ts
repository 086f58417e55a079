/**
 * For tests: what nvidia-smi prints on several machines. Written by hand from NVIDIA's documentation of its formats
 * (nvidia-smi(1), "--help-query-gpu", "--query-compute-apps", "topo -m", "topo -p2p"), not recorded on such machines.
 */
import type { Answer, MachineReport } from "./machine-report.ts";

type NvidiaSmi = NonNullable<MachineReport["nvidiaSmi"]>;

const told = (output: string): Answer => ({ exitStatus: 0, output });
const refused = (exitStatus: number, output: string): { gpus: Answer } => ({ gpus: { exitStatus, output } });
const lines = (...all: string[]) => told(`${all.join("\n")}\n`);

const LEGEND = `
Legend:

  X    = Self
  SYS  = Connection traversing PCIe as well as the SMP interconnect between NUMA nodes (e.g., QPI/UPI)
  NODE = Connection traversing PCIe as well as the interconnect between PCIe Host Bridges within a NUMA node
  PHB  = Connection traversing PCIe as well as a PCIe Host Bridge (typically the CPU)
  PXB  = Connection traversing multiple PCIe bridges (without traversing the PCIe Host Bridge)
  PIX  = Connection traversing at most a single PCIe bridge
  NV#  = Connection traversing a bonded set of # NVLinks
`;

/** Underlined in a terminal's way, as the program writes its heading. */
const UNDERLINED = ["\u001b[4m", "\u001b[0m"];

function topology(kind: (from: number, to: number) => string, count: number): Answer {
  const numbers = Array.from({ length: count }, (_, number) => number);
  const [on, off] = UNDERLINED;
  const heading = `\t${on}${numbers.map((number) => `GPU${number}`).join("\t")}\tNIC0\tCPU Affinity\tNUMA Affinity\tGPU NUMA ID${off}`;
  const rows = numbers.map((from) => {
    const cells = numbers.map((to) => (from === to ? " X " : kind(from, to)));
    return `GPU${from}\t${cells.join("\t")}\tSYS\t0-31\t0\t\tN/A`;
  });
  return told(`${[heading, ...rows, `NIC0\t${numbers.map(() => "SYS").join("\t")}\t X `].join("\n")}\n${LEGEND}`);
}

function peers(status: string, count: number): Answer {
  const numbers = Array.from({ length: count }, (_, number) => number);
  const heading = ` \t${numbers.map((number) => `GPU${number}`).join("\t")}\t`;
  const rows = numbers.map((from) => ` GPU${from}\t${numbers.map((to) => (from === to ? "X" : status)).join("\t")}\t`);
  return told(
    `${[heading, ...rows].join("\n")}\n\nLegend:\n\n  X    = Self\n  OK   = Status Ok\n  NS   = Not supported\n`,
  );
}

const A100 = (index: number, used = 4, utilization = 0) =>
  `${index}, GPU-0000000${index}-1111-2222-3333-444444444444, NVIDIA A100-SXM4-80GB, 550.90.07, 81920, ${used}, ${utilization}, Disabled, Enabled, 0, 400.00, 400.00`;
const capabilities = (value: string, count: number) =>
  lines(...Array.from({ length: count }, (_, index) => `${index}, ${value}`));

export const FOUR_A100: NvidiaSmi = {
  gpus: lines(A100(0), A100(1), A100(2), A100(3)),
  computeCapabilities: capabilities("8.0", 4),
  processes: told(""),
  topology: topology(() => "NV12", 4),
  peers: peers("OK", 4),
};

/** The first one trains something, seen from the host: the driver names its processes. */
export const BUSY_A100: NvidiaSmi = {
  ...FOUR_A100,
  gpus: lines(A100(0, 61_234, 98), A100(1), A100(2), A100(3)),
  processes: lines("GPU-00000000-1111-2222-3333-444444444444, 31337, python, 61224"),
};

/** The same from inside a container: the driver does not name them there. */
export const BUSY_UNNAMED: NvidiaSmi = { ...BUSY_A100, processes: told("") };

export const ONE_H100: NvidiaSmi = {
  gpus: lines(
    "0, GPU-aaaaaaaa-1111-2222-3333-444444444444, NVIDIA H100 80GB HBM3, 560.35.03, 81559, 1, 0, Disabled, Enabled, 0, 500.00, 700.00",
  ),
  computeCapabilities: capabilities("9.0", 1),
  processes: told(""),
  topology: topology(() => "", 1),
  peers: peers("", 1),
};

export const MIG_A100: NvidiaSmi = {
  gpus: lines(
    "0, GPU-bbbbbbbb-1111-2222-3333-444444444444, NVIDIA A100-SXM4-80GB, 535.183.01, 81920, 87, [N/A], Enabled, Enabled, 0, 400.00, 400.00",
  ),
  computeCapabilities: capabilities("8.0", 1),
  processes: told(""),
  topology: topology(() => "", 1),
  peers: peers("", 1),
};

/** Two cards for players: no ECC, no MIG, no NVLink, no peer access. */
export const TWO_RTX_4090: NvidiaSmi = {
  gpus: lines(
    "0, GPU-cccccccc-1111-2222-3333-444444444444, NVIDIA GeForce RTX 4090, 550.120, 24564, 410, 3, [N/A], [N/A], [N/A], 450.00, 450.00",
    "1, GPU-dddddddd-1111-2222-3333-444444444444, NVIDIA GeForce RTX 4090, 550.120, 24564, 2, 0, [N/A], [N/A], [N/A], 450.00, 450.00",
  ),
  computeCapabilities: capabilities("8.9", 2),
  processes: told(""),
  topology: topology(() => "PHB", 2),
  peers: peers("CNS", 2),
};

/** An old card under an old driver, which does not know `compute_cap`, in a virtual machine that hides the rest. */
export const OLD_V100: NvidiaSmi = {
  gpus: lines(
    "0, GPU-eeeeeeee-1111-2222-3333-444444444444, Tesla V100-SXM2-16GB, 470.256.02, 16160, 0, 0, [N/A], Disabled, [N/A], [Not Supported], [Not Supported]",
  ),
  computeCapabilities: { exitStatus: 2, output: 'Field "compute_cap" is not a valid field to query.\n' },
};

export const VERSION_MISMATCH = refused(
  18,
  "Failed to initialize NVML: Driver/library version mismatch\nNVML library version: 550.127\n",
);
export const NO_DRIVER = refused(
  9,
  "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest NVIDIA driver is installed and running.\n",
);
export const NO_DEVICES = refused(6, "No devices were found\n");
export const NO_ANSWER: { gpus: Answer } = { gpus: { exitStatus: null, output: "no answer within 25 s" } };
