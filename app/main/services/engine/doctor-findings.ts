/** What the facts about an engine mean for the runs it is needed for. Pure. */
import type { EngineGpu, Finding, FindingGroup, FindingState } from "../../../common/engines.ts";
import type { ErrorReport } from "../../../common/errors.ts";
import { formatBytes } from "../../../common/format.ts";
import { bf16PeakOf, isValidatorsGpu } from "../../../common/gpus.ts";
import type { RunProfile } from "../../../common/runs.ts";
import { shownText } from "../../../common/shown-text.ts";
import type { EngineFacts } from "./engine.ts";
import type { MachineReport } from "./machine-report.ts";
import { type GpuProcess, type NvidiaFacts, type NvidiaGpu, type NvidiaProblem, readNvidia } from "./nvidia-smi.ts";

/** What the engine is needed for: the flags of a run, and where its score has to compare. */
export type RunNeeds = {
  device: "cpu" | "cuda";
  numRanks: number;
  runProfile: RunProfile;
  /** The engine's numbers; null: any. */
  gpus: number[] | null;
  memoryBytes: number;
  shmBytes: number;
  processes: number;
  /** The peak that the profile counts MFU by, in TFLOP/s; null where it has none. */
  peakTflops: number | null;
};

/** How long after 1970 its clock stands against ours: positive where it is ahead. */
export type ClockSkew = { seconds: number; uncertaintySeconds: number };

export type ImageState = {
  reference: string;
  /** The user named it, and answers for it. */
  isByHand: boolean;
  isMissing: boolean;
  problem: ErrorReport | null;
  /** What builds it anew. */
  command: string;
};

/** How the look from inside went. */
export type ProbeOutcome = (
  | { report: MachineReport }
  /** The engine would not start it, as it would not start a run. */
  | { report: null; refusal: ErrorReport }
  /** Why nothing is known, as a part of a sentence. */
  | { report: null; unknownBecause: string }
) & {
  /** Why it got no GPU; the report is then of a container without. */
  gpuRefusal: ErrorReport | null;
  memlockRefused: boolean;
};

/** What has been asked so far; undefined: not yet. */
export type Asked = {
  name: string;
  address: string;
  platform: NodeJS.Platform;
  /** Whether there is a docker or podman command on this machine. */
  hasCommand: boolean;
  engine?: { facts: EngineFacts; isPodman: boolean; clock: ClockSkew | null } | { problem: ErrorReport };
  image?: ImageState;
  probe?: ProbeOutcome;
};

const GIB = 1024 ** 3;
const MIB = 1024 ** 2;
const OLDEST_DOCKER = [20, 10] as const;
/** What speaks Docker's API well enough. */
const OLDEST_PODMAN = [4, 0] as const;
/** The engine keeps a run's log: 2 GB at most (container-options.ts). */
const LEAST_DISK_BYTES = 2.5 * GIB;
const ENOUGH_DISK_BYTES = 10 * GIB;
const SKEW_SECONDS = 2;
/** CUDA 12.x runs on this driver and later ones ("CUDA Compatibility", minor version compatibility). */
const OLDEST_DRIVER = [525, 60] as const;
/** FlashAttention 2 needs Ampere or later. */
const LEAST_CAPABILITY = 8;
/** The driver itself and its persistence take some hundred. */
const IDLE_MIB = 1024;
const IDLE_PERCENT = 10;
const SECCOMP_FILTER = 2;

export function findings(asked: Asked, needs: RunNeeds): Finding[] {
  const { engine, image, probe } = asked;
  if (engine === undefined) return [];
  if ("problem" in engine) return [unreachable(asked, engine.problem)];
  const found = [reachable(asked, engine), version(engine), rootless(engine.facts), clock(asked.address, engine.clock)];
  if (image === undefined) return found;
  found.push(imageFinding(image));
  if (probe === undefined) return found;
  found.push(...containerFindings(engine.facts, probe, needs));
  if (needs.device === "cuda") found.push(...gpuFindings(engine.facts, probe, needs));
  return found;
}

/** The GPUs that the probe has seen; none where there is no report of them. */
export function gpusOf({ probe }: Asked): EngineGpu[] {
  const nvidia = nvidiaOf(probe);
  if (nvidia === null || "kind" in nvidia) return [];
  return nvidia.gpus.map((gpu) => ({
    index: gpu.index,
    name: shownText(gpu.name),
    memoryBytes: gpu.memoryMib === null ? null : gpu.memoryMib * MIB,
    usedBytes: gpu.usedMib === null ? null : gpu.usedMib * MIB,
    utilizationPercent: gpu.utilizationPercent,
    busy: isBusy(gpu, nvidia.processes),
    bf16Tflops: bf16PeakOf(gpu.name),
  }));
}

type Said = [state: FindingState, message: string, remedy?: string, command?: string];

function finding(group: FindingGroup, id: string, title: string, said: Said): Finding {
  const [state, message, remedy = "", command = ""] = said;
  // Words of an engine, a driver and an image stand in there; commands are ours.
  return { id, group, title, state, message: shownText(message), remedy: shownText(remedy), command };
}

// the engine

function unreachable({ name, address, platform, hasCommand }: Asked, problem: ErrorReport): Finding {
  const isLinux = platform === "linux";
  // As engineError puts it where nothing listens on this machine.
  const isNotRunning = / does not run \(unix:/.test(problem.message);
  const named = (said: Said) => finding("engine", "reachable", "Reachable", said);
  if (isNotRunning && name === "default" && !hasCommand) {
    return named([
      "problem",
      "There is no container engine on this machine: no docker or podman command, and nothing that answers.",
      isLinux
        ? "Install Docker (so on Debian and Ubuntu; other systems name the package alike), and let this user use it."
        : "Install Docker Desktop or Podman, and start it. Rehearsals on this machine do without.",
      isLinux ? "sudo apt-get install docker.io && sudo usermod -aG docker $USER" : "",
    ]);
  }
  const starts = isNotRunning && isLinux ? (STARTS[name === "podman" ? name : address] ?? "") : "";
  return named(["problem", problem.message, problem.hint, starts]);
}

/** What starts the engine that listens there, by systemd. */
const STARTS: Readonly<Record<string, string>> = {
  "unix:///var/run/docker.sock": "sudo systemctl start docker",
  podman: "systemctl --user start podman.socket",
};

type Answering = { facts: EngineFacts; isPodman: boolean; clock: ClockSkew | null };

function reachable({ name, address }: Asked, { facts }: Answering): Finding {
  const { host, system, cores, memoryBytes } = facts;
  const machine = `${host}, ${system}, ${cores} cores, ${formatBytes(memoryBytes)}`;
  return finding("engine", "reachable", "Reachable", ["ok", `${name} answers at ${address}: ${machine}.`]);
}

function version({ facts, isPodman }: Answering): Finding {
  const product = isPodman ? "Podman" : "Docker";
  const oldest = isPodman ? OLDEST_PODMAN : OLDEST_DOCKER;
  const parts = /^(\d+)\.(\d+)/.exec(facts.version);
  if (parts === null) {
    return finding("engine", "version", "Version", ["unknown", `The engine names its version "${facts.version}".`]);
  }
  const isOld = isBefore([Number(parts[1]), Number(parts[2])], oldest);
  return finding(
    "engine",
    "version",
    "Version",
    isOld
      ? [
          "warning",
          `${product} ${facts.version} is older than ${oldest.join(".")}, the oldest that was tried.`,
          "Upgrade the engine with the package manager of its host.",
        ]
      : ["ok", `${product} ${facts.version}.`],
  );
}

function rootless({ rootless }: EngineFacts): Finding {
  return finding(
    "engine",
    "rootless",
    "Rootless",
    rootless
      ? [
          "note",
          "The engine runs without root: limits hold only where its control groups were delegated to it, which is looked at below.",
        ]
      : ["ok", "The engine runs as root, as the validator's does."],
  );
}

function clock(address: string, skew: ClockSkew | null): Finding {
  const named = (said: Said) => finding("engine", "clock", "Clock", said);
  if (skew === null) return named(["unknown", "The engine does not tell its time."]);
  const off = Math.abs(skew.seconds);
  const exactly = `to within ${formatSkew(Math.max(0.1, skew.uncertaintySeconds))}`;
  if (off <= SKEW_SECONDS + skew.uncertaintySeconds) {
    return named(["ok", `Its clock and this machine's agree ${exactly}.`]);
  }
  const where = address.startsWith("unix:") ? "of the engine's virtual machine" : "of its host";
  return named([
    "warning",
    `Its clock is ${formatSkew(off)} ${skew.seconds > 0 ? "ahead of" : "behind"} this machine's (${exactly}); times in a log do not fit those of the record.`,
    `Set the clock ${where} by the network.`,
    "sudo timedatectl set-ntp true",
  ]);
}

function formatSkew(seconds: number): string {
  if (seconds < 120) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

// the image

function imageFinding({ reference, isByHand, problem, command }: ImageState): Finding {
  const said: Said =
    problem === null
      ? isByHand
        ? ["note", `${reference} is there; it was named by hand and is not compared with the profile.`]
        : ["ok", `${reference} is there and fits the profile and this version of Crusader.`]
      : isByHand
        ? ["problem", problem.message, problem.hint]
        : ["problem", problem.message, "Build it.", command];
  return finding("image", "image", "Image", said);
}

// in a container

const INSIDE: readonly [id: string, title: string][] = [
  ["probe", "Starts"],
  ["disk", "Disk"],
  ["memory", "Memory"],
  ["limits", "Limits"],
  ["shm", "Shared memory"],
  ["memlock", "Locked memory"],
  ["seccomp", "System calls"],
  ["privileges", "Rights"],
];

function containerFindings(facts: EngineFacts, probe: ProbeOutcome, needs: RunNeeds): Finding[] {
  const { report } = probe;
  const said: Record<string, Said> =
    report !== null
      ? {
          probe: ["ok", `A container with ${flagsOf(needs)} starts and reports: Linux ${report.kernel}.`],
          disk: disk(facts, report),
          memory: memory(facts, needs),
          limits: limits(facts, report, needs),
          shm: sharedMemory(report, needs),
          memlock: memlock(report, probe, needs),
          seccomp: seccomp(facts, report),
          privileges: privileges(report),
        }
      : {
          memory: memory(facts, needs),
          seccomp: seccomp(facts, null),
          ...("refusal" in probe ? { probe: ["problem", probe.refusal.message, probe.refusal.hint] } : {}),
        };
  return INSIDE.map(([id, title]) => finding("container", id, title, said[id] ?? ["unknown", notKnown(probe)]));
}

function notKnown(probe: ProbeOutcome): string {
  return `Not known: ${"unknownBecause" in probe ? probe.unknownBecause : "no container could be started"}.`;
}

function flagsOf({ runProfile }: RunNeeds): string {
  return runProfile === "public" ? "the public simulator's flags" : "the validator's flags";
}

function disk({ dataFolder }: EngineFacts, { folders }: MachineReport): Said {
  const usage = folders["/"] ?? null;
  if (usage === null) return ["unknown", "The container cannot read how much room there is."];
  const place = dataFolder === "" ? "where the engine keeps its data" : `at the engine's ${dataFolder}`;
  const free = `${formatBytes(usage.freeBytes)} of ${formatBytes(usage.totalBytes)} are free ${place}`;
  const remedy: [string, string] = [
    "See what takes it, and remove what is not needed any more.",
    "docker system df --verbose",
  ];
  if (usage.freeBytes < LEAST_DISK_BYTES) {
    return ["problem", `${free}: less than a run's log may take (2 GB).`, ...remedy];
  }
  if (usage.freeBytes < ENOUGH_DISK_BYTES) return ["warning", `${free}: too little to build an image.`, ...remedy];
  return ["ok", `${free}.`];
}

function memory({ memoryBytes: has }: EngineFacts, { memoryBytes: limit, device }: RunNeeds): Said {
  if (has === 0) return ["unknown", "The engine does not tell how much memory its host has."];
  const host = `its host has ${formatBytes(has)}`;
  if (has >= limit) return ["ok", `A container may use ${formatBytes(limit)}; ${host}.`];
  return [
    device === "cuda" ? "warning" : "note",
    `The profile allows a container ${formatBytes(limit)}, but ${host}: a run that needs more ends there, and not at the validator's.`,
  ];
}

function limits({ rootless }: EngineFacts, { cgroup }: MachineReport, needs: RunNeeds): Said {
  const missing = [
    ...(cgroup.memoryBytes === null || cgroup.memoryBytes > needs.memoryBytes ? ["memory"] : []),
    ...(cgroup.processes === null || cgroup.processes > needs.processes ? ["processes"] : []),
  ];
  if (missing.length === 0) {
    return ["ok", `Limits hold: ${formatBytes(needs.memoryBytes)} of memory, ${needs.processes} processes.`];
  }
  return [
    "warning",
    `The engine does not hold a container to its limit of ${missing.join(" and of ")}: one that takes more disturbs its host.`,
    rootless
      ? "Delegate the control groups to the user of the rootless engine, then log in again."
      : "Switch the controllers on: cgroup_enable=memory on the kernel's command line, where it is missing.",
    rootless
      ? "sudo mkdir -p /etc/systemd/system/user@.service.d && printf '[Service]\\nDelegate=cpu cpuset io memory pids\\n' | sudo tee /etc/systemd/system/user@.service.d/delegate.conf && sudo systemctl daemon-reload"
      : "",
  ];
}

function sharedMemory({ folders }: MachineReport, { shmBytes, runProfile }: RunNeeds): Said {
  const has = folders["/dev/shm"]?.totalBytes ?? null;
  if (has === null) return ["problem", "A container has no /dev/shm, which NCCL and data loaders need."];
  if (has >= shmBytes) return ["ok", `/dev/shm has ${formatBytes(has)}.`];
  const asked = `/dev/shm has ${formatBytes(has)}, and the profile asks for ${formatBytes(shmBytes)}`;
  return runProfile === "public"
    ? [
        "warning",
        `${asked}: with the public simulator's flags it is the host's.`,
        "Make that of the host larger.",
        `sudo mount -o remount,size=${Math.ceil(shmBytes / GIB)}g /dev/shm`,
      ]
    : ["warning", `${asked}: the engine does not give what it was told to.`];
}

function memlock({ memlockBytes }: MachineReport, { memlockRefused }: ProbeOutcome, { runProfile }: RunNeeds): Said {
  const has = memlockBytes === null ? "is not limited" : `is limited to ${formatBytes(memlockBytes)}`;
  if (runProfile === "validator") return ["ok", `Locked memory ${has}; the validator's flags ask for nothing else.`];
  if (memlockBytes === null) return ["ok", `Locked memory ${has}.`];
  return [
    "note",
    `Locked memory ${has}${memlockRefused ? ", and the engine refuses to raise it" : ""}: ranks run without, as at the validator's.`,
    "Raise it for the engine, then restart it.",
    "sudo systemctl edit docker  # [Service] LimitMEMLOCK=infinity",
  ];
}

function seccomp(facts: EngineFacts, report: MachineReport | null): Said {
  const filtered = report === null ? facts.seccomp : report.seccomp === null ? null : report.seccomp >= SECCOMP_FILTER;
  if (filtered === null) return ["unknown", "The container cannot read whether its system calls are filtered."];
  if (filtered) return ["ok", `System calls are filtered by seccomp${report === null ? ", the engine says" : ""}.`];
  return [
    "warning",
    "System calls are not filtered by seccomp: a submission reaches more of the kernel than at the validator's.",
    "Take seccomp-profile: unconfined out of the engine's configuration, or use a kernel that has seccomp; then restart it.",
    "grep -s seccomp /etc/docker/daemon.json; grep CONFIG_SECCOMP_FILTER /boot/config-$(uname -r)",
  ];
}

function privileges({ user, noNewPrivileges, effectiveCapabilities, rootIsReadOnly }: MachineReport): Said {
  const wrong = [
    ...(user === 0 ? ["it runs as root"] : []),
    ...(noNewPrivileges === 1 ? [] : ["it may gain rights"]),
    ...(effectiveCapabilities !== null && /^0+$/.test(effectiveCapabilities) ? [] : ["it holds capabilities"]),
    ...(rootIsReadOnly === true ? [] : ["it may write to its image"]),
  ];
  if (wrong.length === 0) return ["ok", "No root, no capability, no way to gain one, and a read-only image."];
  return [
    "problem",
    `The engine does not take from a container what it was told to: ${wrong.join(", ")}.`,
    "Use another engine for code that is not your own.",
  ];
}

// GPUs

function gpuFindings(facts: EngineFacts, probe: ProbeOutcome, needs: RunNeeds): Finding[] {
  const named = (id: string, title: string, said: Said) => finding("gpus", id, title, said);
  const nvidia = nvidiaOf(probe);
  const runtime = named("gpu_runtime", "GPUs in containers", gpuRuntime(facts, probe));
  if (nvidia === null || "kind" in nvidia) {
    const driver = nvidia === null ? null : named("gpu_driver", "Driver", driverProblem(nvidia));
    const why = probe.report === null ? notKnown(probe) : "Not known: no GPU could be asked.";
    const unknown = (driver === null ? GPU_TITLES : GPU_TITLES.slice(1)).map(([id, title]) =>
      named(id, title, ["unknown", why]),
    );
    return [runtime, ...(driver === null ? [] : [driver]), ...unknown];
  }
  const { gpus } = nvidia;
  const [first] = gpus as [NvidiaGpu];
  const used = usedGpus(gpus, needs);
  const said: Record<string, Said> = {
    gpu_driver: driverVersion(first),
    gpu_count: count(gpus, used, needs),
    gpu_model: model(used, needs),
    gpu_mig: mig(used),
    gpu_links: links(used, nvidia),
    gpu_ecc: ecc(used),
    gpu_power: power(used),
    gpu_busy: busy(gpus, used, nvidia.processes, needs),
  };
  return [runtime, ...GPU_TITLES.map(([id, title]) => named(id, title, said[id] ?? ["unknown", ""]))];
}

const GPU_TITLES: readonly [id: string, title: string][] = [
  ["gpu_driver", "Driver"],
  ["gpu_count", "Number"],
  ["gpu_model", "Model"],
  ["gpu_mig", "MIG"],
  ["gpu_links", "Links"],
  ["gpu_ecc", "ECC"],
  ["gpu_power", "Power limit"],
  ["gpu_busy", "In use"],
];

function nvidiaOf(probe: ProbeOutcome | undefined): NvidiaFacts | NvidiaProblem | null {
  const answers = probe?.report?.nvidiaSmi ?? null;
  return answers === null ? null : readNvidia(answers);
}

/** Those a run would get: the chosen ones, or the first, as the engine takes them. */
function usedGpus(gpus: readonly NvidiaGpu[], { gpus: chosen, numRanks }: RunNeeds): NvidiaGpu[] {
  return chosen === null ? gpus.slice(0, numRanks) : gpus.filter(({ index }) => chosen.includes(index));
}

const TOOLKIT: [string, string] = [
  "On the engine's host: install the NVIDIA Container Toolkit, set it up for this engine, restart the engine.",
  "sudo nvidia-ctk runtime configure --runtime=docker && sudo systemctl restart docker",
];

function gpuRuntime({ runtimes, hasCdi }: EngineFacts, { report, gpuRefusal }: ProbeOutcome): Said {
  const ways = [...(runtimes.includes("nvidia") ? ["the NVIDIA runtime"] : []), ...(hasCdi ? ["CDI"] : [])];
  const way = ways.length === 0 ? "neither an NVIDIA runtime nor CDI" : ways.join(" and ");
  if (gpuRefusal !== null)
    return [
      "problem",
      `The engine has ${way} and gives a container no GPU: ${gpuRefusal.message.replace(/\.$/, "")}.`,
      ...TOOLKIT,
    ];
  if (report === null) {
    return ways.length === 0
      ? ["problem", `The engine has ${way}, so containers get no GPU.`, ...TOOLKIT]
      : ["ok", `The engine has ${way}.`];
  }
  if (report.gpuDevices.length === 0 && report.nvidiaSmi === null) {
    return ["problem", `The engine has ${way}, and a container that asked for GPUs got none.`, ...TOOLKIT];
  }
  if (report.nvidiaSmi === null) {
    return [
      "warning",
      `A container gets ${report.gpuDevices.length} GPUs, but not the driver's nvidia-smi, so nothing more is known of them.`,
      "Let the image ask for it: NVIDIA_DRIVER_CAPABILITIES=compute,utility.",
    ];
  }
  return [
    "ok",
    `The engine has ${way === "neither an NVIDIA runtime nor CDI" ? "a way of its own" : way}, and a container gets GPUs.`,
  ];
}

function driverProblem({ kind, words }: NvidiaProblem): Said {
  const said = words === "" ? "nothing" : `"${firstLine(words)}"`;
  switch (kind) {
    case "version_mismatch":
      return [
        "problem",
        `The driver was upgraded under the running kernel module; nvidia-smi says ${said}.`,
        "Restart the engine's host, which loads the module that fits.",
        "sudo reboot",
      ];
    case "no_driver":
      return [
        "problem",
        `The driver does not answer; nvidia-smi says ${said}.`,
        "See whether its module is loaded on the engine's host, and why not.",
        "lsmod | grep nvidia; sudo dmesg | grep -i nvrm | tail",
      ];
    case "no_devices":
      return [
        "problem",
        "The driver finds no GPU.",
        "See whether the host's PCI bus shows one, and what the driver says of it.",
        "lspci | grep -i nvidia; sudo dmesg | grep -i nvrm | tail",
      ];
    case "silent":
      return [
        "problem",
        `The driver gives no answer: ${firstLine(words)}.`,
        "A GPU may have fallen off the bus: look for Xid messages.",
        "sudo dmesg | grep -i xid | tail",
      ];
    case "other":
      return ["problem", `nvidia-smi fails and says ${said}.`, "Run it on the engine's host.", "nvidia-smi"];
  }
}

function driverVersion({ driver }: NvidiaGpu): Said {
  const parts = /^(\d+)\.(\d+)/.exec(driver);
  if (parts === null) return ["unknown", `The driver names its version "${driver}".`];
  if (!isBefore([Number(parts[1]), Number(parts[2])], OLDEST_DRIVER)) return ["ok", `Driver ${driver}.`];
  return [
    "problem",
    `Driver ${driver} is too old for the image's CUDA 12.6, which needs ${OLDEST_DRIVER.join(".")} or later.`,
    "Upgrade the driver on the engine's host, then restart it.",
  ];
}

function count(gpus: readonly NvidiaGpu[], used: readonly NvidiaGpu[], { numRanks, gpus: chosen }: RunNeeds): Said {
  const there = gpus.length === 1 ? "1 GPU is there" : `${gpus.length} GPUs are there`;
  if (chosen !== null && used.length < chosen.length) {
    const missing = chosen.filter((index) => !gpus.some((gpu) => gpu.index === index));
    return [
      "problem",
      `${there}; the chosen ${missing.length === 1 ? "number" : "numbers"} ${missing.join(", ")} ${missing.length === 1 ? "is" : "are"} not among them.`,
      `Choose from ${gpus.map(({ index }) => index).join(", ")}.`,
    ];
  }
  if (used.length >= numRanks) return ["ok", `${there}; ${numRanks} ${numRanks === 1 ? "is" : "are"} needed.`];
  return [
    "problem",
    `${there}; ${numRanks} are needed.`,
    gpus.length === 0
      ? ""
      : `Try fewer ranks, which compares with no score of the leaderboard: --num-gpus ${gpus.length}.`,
  ];
}

function model(used: readonly NvidiaGpu[], { peakTflops }: RunNeeds): Said {
  if (used.length === 0) return ["unknown", "Not known: none of the GPUs is used."];
  const names = countedNames(used);
  const old = used.find((gpu) => capabilityOf(gpu) !== null && (capabilityOf(gpu) as number) < LEAST_CAPABILITY);
  if (old !== undefined) {
    return [
      "problem",
      `${names}: compute capability ${old.computeCapability} is under ${LEAST_CAPABILITY}.0, so there is no FlashAttention 2 and no bf16 on its tensor cores.`,
      "An A100 or a later GPU is needed.",
    ];
  }
  if (used.every(({ name, memoryMib }) => isValidatorsGpu(name, memoryMib))) {
    return ["ok", `${names}: what the leaderboard's scores are measured on (sm_80, 312 TFLOP/s of dense bf16).`];
  }
  const peaks = [...new Set(used.map(({ name }) => bf16PeakOf(name)))];
  const [peak = null] = peaks;
  const production = peakTflops === null ? "" : ` MFU is counted by the profile's ${peakTflops} TFLOP/s,`;
  const own =
    peaks.length > 1 || peak === null
      ? " and no peak of its own stands beside it, as it is not in the table."
      : ` and by its own ${peak} beside it.`;
  return [
    "warning",
    `Not comparable: ${names}, and the leaderboard's scores are of A100s with 80 GB.${production}${own}`,
    "For a score that compares, use a machine with A100 80 GB GPUs.",
  ];
}

function mig(used: readonly NvidiaGpu[]): Said {
  const on = used.filter((gpu) => gpu.mig === true).map(({ index }) => index);
  if (on.length > 0) {
    return [
      "problem",
      `MIG is on for ${gpuList(on)}: a container gets a slice of it, without NVLink, and no score compares.`,
      "Switch it off while nothing uses the GPU.",
      on.map((index) => `sudo nvidia-smi -i ${index} -mig 0`).join(" && "),
    ];
  }
  return ["ok", used.every((gpu) => gpu.mig === null) ? "This model has no MIG." : "MIG is off."];
}

function links(used: readonly NvidiaGpu[], { links, peers }: NvidiaFacts): Said {
  if (used.length < 2) return ["ok", "One GPU needs no link."];
  const indices = used.map(({ index }) => index);
  const among = <T extends { from: number; to: number }>(all: readonly T[]) =>
    all.filter(({ from, to }) => indices.includes(from) && indices.includes(to));
  const [topology, peer] = [among(links), among(peers)];
  if (topology.length === 0) return ["unknown", "nvidia-smi does not tell how the GPUs are linked."];
  const kinds = [...new Set(topology.map(({ kind }) => kind))].sort();
  const refused = peer.filter(({ kind }) => kind !== "OK");
  const direct = peer.length === 0 ? "" : refused.length === 0 ? ", and they read each other's memory" : "";
  if (refused.length > 0) {
    const pair = refused[0] as (typeof refused)[number];
    return [
      "warning",
      `GPUs ${pair.from} and ${pair.to} cannot read each other's memory (${pair.kind}): what they exchange goes through the host.`,
      "On a virtual machine: ask for GPUs whose peer access is passed through.",
      "nvidia-smi topo -p2p r",
    ];
  }
  if (kinds.every((kind) => kind.startsWith("NV")))
    return ["ok", `Every pair is linked by NVLink (${kinds.join(", ")})${direct}.`];
  const slow = topology.find(({ kind }) => !kind.startsWith("NV")) as (typeof topology)[number];
  return [
    "warning",
    `GPUs ${slow.from} and ${slow.to} are linked by ${slow.kind}, not NVLink: exchanges between ranks take longer than at the validator's.`,
    "Choose GPUs that NVLink connects.",
    "nvidia-smi topo -m",
  ];
}

function ecc(used: readonly NvidiaGpu[]): Said {
  const broken = used.filter(({ eccErrors }) => (eccErrors ?? 0) > 0);
  const [first] = broken;
  if (first !== undefined) {
    return [
      "problem",
      `GPU ${first.index} had ${first.eccErrors} uncorrected memory errors since its driver was loaded: results may be wrong.`,
      "Reset the GPU while nothing uses it; if they come back, it is to be replaced.",
      `sudo nvidia-smi -i ${first.index} --gpu-reset`,
    ];
  }
  const off = used.filter(({ ecc }) => ecc === false).map(({ index }) => index);
  if (off.length > 0) {
    return [
      "note",
      `ECC is off for ${gpuList(off)}: errors of the memory are not seen, as they are in a data centre.`,
      "Switch it on, then restart the host.",
      off.map((index) => `sudo nvidia-smi -i ${index} -e 1`).join(" && "),
    ];
  }
  return [
    "ok",
    used.every(({ ecc }) => ecc === null)
      ? "This model does not tell of ECC."
      : "ECC is on, without uncorrected errors.",
  ];
}

function power(used: readonly NvidiaGpu[]): Said {
  const lowered = used.filter(
    ({ powerLimitWatts: now, defaultPowerLimitWatts: usual }) => now !== null && usual !== null && now < usual - 1,
  );
  const [first] = lowered;
  if (first !== undefined) {
    return [
      "warning",
      `GPU ${first.index} is limited to ${watts(first.powerLimitWatts)} of its usual ${watts(first.defaultPowerLimitWatts)}: it computes more slowly than it could.`,
      "Take the limit away.",
      lowered
        .map(
          ({ index, defaultPowerLimitWatts }) =>
            `sudo nvidia-smi -i ${index} -pl ${Math.round(defaultPowerLimitWatts ?? 0)}`,
        )
        .join(" && "),
    ];
  }
  const known = [
    ...new Set(used.flatMap(({ powerLimitWatts }) => (powerLimitWatts === null ? [] : [watts(powerLimitWatts)]))),
  ];
  return known.length === 0
    ? ["unknown", "The GPUs do not tell their power limit."]
    : ["ok", `The usual limit: ${known.join(", ")}.`];
}

function busy(
  gpus: readonly NvidiaGpu[],
  used: readonly NvidiaGpu[],
  processes: readonly GpuProcess[],
  { numRanks }: RunNeeds,
): Said {
  const taken = used.filter((gpu) => isBusy(gpu, processes));
  const [first] = taken;
  if (first === undefined) return ["ok", "Nothing else uses the GPUs."];
  const others = processes.filter(({ gpuUuid }) => gpuUuid === first.uuid);
  const who = others.map(({ pid, name }) =>
    [name === "" ? "a process" : name, ...(pid === null ? [] : [`(${pid})`])].join(" "),
  );
  const amount = [
    ...(first.usedMib === null ? [] : [`${formatBytes(first.usedMib * MIB)} of its memory`]),
    ...(first.utilizationPercent === null ? [] : [`${first.utilizationPercent}% of its time`]),
  ].join(" and ");
  const idle = gpus.filter((gpu) => !isBusy(gpu, processes)).map(({ index }) => index);
  return [
    "warning",
    `${gpuList(taken.map(({ index }) => index))} ${taken.length === 1 ? "is" : "are"} in use: ${who.length === 0 ? "something" : who.slice(0, 3).join(", ")} takes ${amount === "" ? "a part" : amount}${taken.length > 1 ? ` of GPU ${first.index}` : ""}; a run is slower, or has too little memory.`,
    idle.length >= numRanks
      ? `Choose idle ones: --gpus ${idle.slice(0, numRanks).join(",")}.`
      : "End what uses them, or wait for it.",
    "nvidia-smi",
  ];
}

function isBusy({ uuid, usedMib, utilizationPercent }: NvidiaGpu, processes: readonly GpuProcess[]): boolean {
  return (
    (usedMib ?? 0) > IDLE_MIB ||
    (utilizationPercent ?? 0) >= IDLE_PERCENT ||
    processes.some(({ gpuUuid }) => gpuUuid === uuid)
  );
}

function countedNames(gpus: readonly NvidiaGpu[]): string {
  const counts = new Map<string, number>();
  for (const { name, memoryMib } of gpus) {
    const full = memoryMib === null ? name : `${name} with ${formatBytes(memoryMib * MIB)}`;
    counts.set(full, (counts.get(full) ?? 0) + 1);
  }
  return [...counts].map(([name, number]) => `${number} x ${name}`).join(", ");
}

function capabilityOf({ computeCapability }: NvidiaGpu): number | null {
  return computeCapability === null ? null : Number.parseFloat(computeCapability);
}

function gpuList(indices: readonly number[]): string {
  return `${indices.length === 1 ? "GPU" : "GPUs"} ${indices.join(", ")}`;
}

function watts(value: number | null): string {
  return `${Math.round(value ?? 0)} W`;
}

function firstLine(words: string): string {
  return (words.split("\n")[0] ?? "").trim().slice(0, 200);
}

function isBefore(
  [major, minor]: readonly [number, number],
  [otherMajor, otherMinor]: readonly [number, number],
): boolean {
  return major < otherMajor || (major === otherMajor && minor < otherMinor);
}
