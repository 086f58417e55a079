/**
 * A container of ours, flag by flag (spec/evaluation.md section 6), and the same as commands that can be copied. Pure:
 * the commands are made from what the engine gets.
 */
import { parseContainerSize } from "../../../../common/container-size.ts";
import type { RunProfile } from "../../../../common/runs.ts";
import type { CreateOptions } from "../../engine/index.ts";

export type ContainerPlan = {
  /** Of the container, and of its network where it has one. */
  name: string;
  image: string;
  labels: Record<string, string>;
  runProfile: RunProfile;
  numRanks: number;
  device: "cpu" | "cuda";
  /** The engine's numbers; null: any. */
  gpus: number[] | null;
  /** As the profile has it under `docker`. */
  limits: { memory_limit: string; shm_size: string };
};

export type ContainerOptions = {
  create: CreateOptions;
  /** An internal network to make first; null: none is needed. */
  network: { name: string; labels: Record<string, string> } | null;
};

/** The users of the images: neither may reach the other's processes. */
export const JUDGE_USER = "judge";
export const RANKS_USER = "appuser";
export const JUDGE_COMMAND = ["python", "-m", "crusades_eval.judge", "--detached"];
export const LAUNCHER_COMMAND = ["python", "-m", "crusades_eval.launcher", "--join", "/tmp/crusader/judge.sock"];

const GIB = 1024 ** 3;
const SHM_BYTES_PER_GPU = 2 * GIB;
const PIDS_PER_GPU = 1024;
const STOP_SECONDS = 30;
/** Nobody answers there: names are not resolved. */
const DEAD_DNS = "127.0.0.1";
/** Far above what the judge lets through, and no option of the engine's may make it less: runs are replayed from it. */
const LOG_LIMIT = { "max-size": "2g", "max-file": "1" };
const TMPFS = { "/tmp": "rw,exec,nosuid,size=4g", "/home/appuser/.triton": "rw,exec,size=2g" };
const PUBLIC_ENVIRONMENT = [
  "NCCL_P2P_LEVEL=NVL",
  "NCCL_SHM_USE_CUDA_MEMCPY=1",
  "NCCL_NVLS_ENABLE=1",
  "NCCL_IB_DISABLE=1",
];

export function containerOptions(plan: ContainerPlan): ContainerOptions {
  const { name, image, labels, runProfile, numRanks, device, gpus, limits } = plan;
  const several = numRanks > 1;
  const shm = parseContainerSize(limits.shm_size);
  const isPublic = runProfile === "public";
  return {
    create: {
      name,
      Image: image,
      Entrypoint: [""],
      Cmd: JUDGE_COMMAND,
      User: JUDGE_USER,
      Labels: labels,
      ...(isPublic ? { Env: PUBLIC_ENVIRONMENT } : {}),
      // The order comes on standard input, whose end is no end of the judge.
      AttachStdin: true,
      OpenStdin: true,
      StdinOnce: true,
      StopTimeout: STOP_SECONDS,
      HostConfig: {
        ...(device === "cuda" ? { DeviceRequests: [gpuRequest(numRanks, gpus)] } : {}),
        Memory: parseContainerSize(limits.memory_limit),
        ShmSize: several ? Math.max(shm, SHM_BYTES_PER_GPU * numRanks) : shm,
        ...(isPublic ? { IpcMode: "host", Ulimits: [{ Name: "memlock", Soft: -1, Hard: -1 }] } : {}),
        NetworkMode: several ? name : "none",
        ...(several ? { Dns: [DEAD_DNS] } : {}),
        CapDrop: ["ALL"],
        SecurityOpt: ["no-new-privileges"],
        ReadonlyRootfs: true,
        PidsLimit: PIDS_PER_GPU * numRanks,
        Tmpfs: TMPFS,
        LogConfig: { Type: "json-file", Config: LOG_LIMIT },
      },
    },
    network: several ? { name, labels } : null,
  };
}

function gpuRequest(count: number, gpus: number[] | null) {
  const Capabilities = [["gpu"]];
  return gpus === null ? { Count: count, Capabilities } : { DeviceIDs: gpus.map(String), Capabilities };
}

/**
 * The commands that do the same by hand: network, container with the order from a file, ranks, and what removes it all.
 * `docker`: the command with the options that choose the engine.
 */
export function dockerCommands({ create, network }: ContainerOptions, docker: string[], orderFile: string): string {
  const run = [...docker, "run", ...runFlags(create), create.Image, ...(create.Cmd ?? [])];
  const launcher = [...docker, "exec", "--detach", "--user", RANKS_USER, create.name, ...LAUNCHER_COMMAND];
  return [
    ...(network === null
      ? []
      : [
          [...docker, "network", "create", "--internal", ...labelFlags(network.labels), network.name]
            .map(quoted)
            .join(" "),
        ]),
    `${run.map(quoted).join(" ")} < ${quoted(orderFile)}`,
    "# in another terminal, when the judge says waiting_for_launcher:",
    launcher.map(quoted).join(" "),
    "# afterwards:",
    [...docker, "rm", "--force", create.name].map(quoted).join(" "),
    ...(network === null ? [] : [[...docker, "network", "rm", network.name].map(quoted).join(" ")]),
    "",
  ].join("\n");
}

/** `docker run`'s flags for what the engine's API gets. */
function runFlags({ name, User, Env, Labels, StopTimeout, HostConfig: host = {} }: CreateOptions): string[] {
  const flag = (option: string, value: string | number | undefined) =>
    value === undefined ? [] : [option, `${value}`];
  const [gpus] = host.DeviceRequests ?? [];
  return [
    "--interactive",
    ...flag("--name", name),
    ...flag("--user", User),
    ...labelFlags(Labels ?? {}),
    ...(gpus === undefined
      ? []
      : ["--gpus", gpus.DeviceIDs === undefined ? `${gpus.Count}` : `"device=${gpus.DeviceIDs.join(",")}"`]),
    ...flag("--memory", host.Memory),
    ...flag("--shm-size", host.ShmSize),
    ...flag("--ipc", host.IpcMode),
    ...(host.Ulimits ?? []).flatMap((limit) => ["--ulimit", `${limit.Name}=${limit.Soft}:${limit.Hard}`]),
    ...flag("--network", host.NetworkMode),
    ...(host.Dns ?? []).flatMap((server) => ["--dns", server]),
    ...(host.CapDrop ?? []).flatMap((capability: string) => ["--cap-drop", capability]),
    ...(host.SecurityOpt ?? []).flatMap((option: string) => ["--security-opt", option]),
    ...(host.ReadonlyRootfs === true ? ["--read-only"] : []),
    ...flag("--pids-limit", host.PidsLimit),
    ...Object.entries(host.Tmpfs ?? {}).flatMap(([folder, options]) => ["--tmpfs", `${folder}:${options}`]),
    ...flag("--stop-timeout", StopTimeout),
    ...(Env ?? []).flatMap((assignment) => ["--env", assignment]),
    ...flag("--log-driver", host.LogConfig?.Type),
    ...Object.entries(host.LogConfig?.Config ?? {}).flatMap(([name, value]) => ["--log-opt", `${name}=${value}`]),
    ...flag("--entrypoint", ""),
  ];
}

function labelFlags(labels: Record<string, string>): string[] {
  return Object.entries(labels).flatMap(([name, value]) => ["--label", `${name}=${value}`]);
}

/** For a POSIX shell. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
