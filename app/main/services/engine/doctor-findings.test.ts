import { expect, test } from "vitest";
import { condensed, isFit, reportText, worstState } from "../../../common/engines.ts";
import { bf16PeakOf, GPUS } from "../../../common/gpus.ts";
import { clockSkew } from "./doctor.ts";
import { type Asked, findings, gpusOf, type RunNeeds } from "./doctor-findings.ts";
import type { EngineFacts } from "./engine.ts";
import type { MachineReport } from "./machine-report.ts";
import {
  BUSY_A100,
  BUSY_UNNAMED,
  FOUR_A100,
  MIG_A100,
  NO_DEVICES,
  OLD_V100,
  ONE_H100,
  TWO_RTX_4090,
  VERSION_MISMATCH,
} from "./nvidia-samples.ts";

const GIB = 1024 ** 3;

const NEEDS: RunNeeds = {
  device: "cuda",
  numRanks: 4,
  runProfile: "validator",
  gpus: null,
  memoryBytes: 320 * GIB,
  shmBytes: 64 * GIB,
  processes: 4096,
  peakTflops: 312,
};

const FACTS: EngineFacts = {
  id: "ID",
  host: "box",
  version: "28.2.2",
  system: "Ubuntu 24.04 x86_64",
  cores: 128,
  memoryBytes: 1024 * GIB,
  runtimes: ["nvidia", "runc"],
  hasCdi: false,
  rootless: false,
  dataFolder: "/var/lib/docker",
  timeMs: 0,
  seccomp: true,
};

const REPORT: MachineReport = {
  version: 1,
  kernel: "6.8.0",
  secondsSince1970: 1,
  user: 900,
  seccomp: 2,
  noNewPrivileges: 1,
  effectiveCapabilities: "0000000000000000",
  rootIsReadOnly: true,
  memlockBytes: 65_536,
  cgroup: { memoryBytes: 320 * GIB, processes: 4096 },
  cores: 128,
  memoryBytes: 1024 * GIB,
  folders: {
    "/": { totalBytes: 900 * GIB, freeBytes: 500 * GIB },
    "/dev/shm": { totalBytes: 64 * GIB, freeBytes: 64 * GIB },
  },
  gpuDevices: ["nvidia0", "nvidia1", "nvidia2", "nvidia3"],
  nvidiaSmi: FOUR_A100,
};

const SOUND = { seconds: 0.01, uncertaintySeconds: 0.02 };
const IMAGE = {
  reference: "crusader/production:m",
  isByHand: false,
  isMissing: false,
  problem: null,
  command: "build",
};
const ERROR = { code: "engine_failed", message: "It refused.", hint: "Ask it.", detail: "" } as const;

/** A machine like the validator's, but for what is changed. */
function asked(change: {
  facts?: Partial<EngineFacts>;
  report?: Partial<MachineReport>;
  rest?: Partial<Asked>;
  isPodman?: boolean;
  clock?: typeof SOUND | null;
  memlockRefused?: boolean;
}): Asked {
  const { facts, report, rest, isPodman = false, clock = SOUND, memlockRefused = false } = change;
  return {
    name: "default",
    address: "unix:///var/run/docker.sock",
    platform: "linux",
    hasCommand: true,
    engine: { facts: { ...FACTS, ...facts }, isPodman, clock },
    image: IMAGE,
    probe: { report: { ...REPORT, ...report }, gpuRefusal: null, memlockRefused },
    ...rest,
  };
}

/** Those that are not ok, as "id state". */
const trouble = (facts: Asked, needs: Partial<RunNeeds> = {}) =>
  findings(facts, { ...NEEDS, ...needs }).flatMap(({ id, state }) => (state === "ok" ? [] : [`${id} ${state}`]));
const messageOf = (id: string, facts: Asked, needs: Partial<RunNeeds> = {}) =>
  findings(facts, { ...NEEDS, ...needs }).find((finding) => finding.id === id)?.message;

test("the validator's own machine: everything is looked at, and fine", () => {
  const found = findings(asked({}), NEEDS);
  expect(found.map(({ id, state }) => `${id} ${state}`)).toEqual(
    [
      ...["reachable", "version", "rootless", "clock", "image", "probe", "disk", "memory", "limits", "shm", "memlock"],
      ...["seccomp", "privileges", "gpu_runtime", "gpu_driver", "gpu_count", "gpu_model", "gpu_mig", "gpu_links"],
      ...["gpu_ecc", "gpu_power", "gpu_busy"],
    ].map((id) => `${id} ok`),
  );
  expect({ fit: isFit({ findings: found }), worst: worstState(found) }).toEqual({ fit: true, worst: "ok" });
});

test("a rehearsal needs no GPU and hears of none", () => {
  const found = findings(asked({ report: { nvidiaSmi: null, gpuDevices: [] } }), { ...NEEDS, device: "cpu" });
  expect(found.map(({ group }) => group)).not.toContain("gpus");
});

test.each<[string, Asked, Partial<RunNeeds>, string[]]>([
  ["an old Docker", asked({ facts: { version: "19.03.8" } }), {}, ["version warning"]],
  ["Podman", asked({ facts: { version: "4.3.1" }, isPodman: true }), {}, []],
  ["an old Podman", asked({ facts: { version: "3.0.1" }, isPodman: true }), {}, ["version warning"]],
  ["a version in no known form", asked({ facts: { version: "dev" } }), {}, ["version unknown"]],
  ["no root", asked({ facts: { rootless: true } }), {}, ["rootless note"]],
  ["a clock ahead", asked({ clock: { seconds: 7200, uncertaintySeconds: 0.1 } }), {}, ["clock warning"]],
  ["a slow connection is no skew", asked({ clock: { seconds: 4, uncertaintySeconds: 3 } }), {}, []],
  ["no time told", asked({ clock: null }), {}, ["clock unknown"]],
  [
    "an image for another profile",
    asked({ rest: { image: { ...IMAGE, problem: { ...ERROR, code: "image_missing" } } } }),
    {},
    ["image problem"],
  ],
  ["an image named by hand", asked({ rest: { image: { ...IMAGE, isByHand: true } } }), {}, ["image note"]],
  [
    "a full disk",
    asked({ report: { folders: { ...REPORT.folders, "/": { totalBytes: GIB, freeBytes: 1024 ** 2 } } } }),
    {},
    ["disk problem"],
  ],
  [
    "a nearly full disk",
    asked({ report: { folders: { ...REPORT.folders, "/": { totalBytes: 9 * GIB, freeBytes: 5 * GIB } } } }),
    {},
    ["disk warning"],
  ],
  ["too little memory", asked({ facts: { memoryBytes: 64 * GIB } }), {}, ["memory warning"]],
  [
    "limits that do not hold",
    asked({ facts: { rootless: true }, report: { cgroup: { memoryBytes: null, processes: null } } }),
    {},
    ["rootless note", "limits warning"],
  ],
  [
    "a small /dev/shm of the host",
    asked({
      report: {
        memlockBytes: null,
        folders: { ...REPORT.folders, "/dev/shm": { totalBytes: GIB, freeBytes: GIB } },
      },
    }),
    { runProfile: "public" },
    ["shm warning"],
  ],
  ["no /dev/shm", asked({ report: { folders: { "/": REPORT.folders["/"] ?? null } } }), {}, ["shm problem"]],
  ["locked memory refused", asked({ memlockRefused: true }), { runProfile: "public" }, ["memlock note"]],
  ["no seccomp", asked({ report: { seccomp: 0 } }), {}, ["seccomp warning"]],
  [
    "rights that were not taken",
    asked({
      report: { user: 0, effectiveCapabilities: "000001ffffffffff", noNewPrivileges: 0, rootIsReadOnly: false },
    }),
    {},
    ["privileges problem"],
  ],
  ["rights that cannot be read", asked({ report: { effectiveCapabilities: null } }), {}, ["privileges problem"]],
  [
    "two of four GPUs",
    asked({ report: { nvidiaSmi: TWO_RTX_4090 } }),
    { numRanks: 4 },
    ["gpu_count problem", "gpu_model warning", "gpu_links warning"],
  ],
  ["GPUs that are not there", asked({}), { gpus: [2, 5], numRanks: 2 }, ["gpu_count problem"]],
  [
    "another GPU, and a lowered power limit",
    asked({ report: { nvidiaSmi: ONE_H100 } }),
    { numRanks: 1 },
    ["gpu_model warning", "gpu_power warning"],
  ],
  ["a slice of a GPU", asked({ report: { nvidiaSmi: MIG_A100 } }), { numRanks: 1 }, ["gpu_mig problem"]],
  [
    "an old GPU under an old driver",
    asked({ report: { nvidiaSmi: OLD_V100 } }),
    { numRanks: 1 },
    ["gpu_driver problem", "gpu_model warning", "gpu_ecc note", "gpu_power unknown"],
  ],
  ["a busy GPU", asked({ report: { nvidiaSmi: BUSY_A100 } }), {}, ["gpu_busy warning"]],
  ["busy, and nobody is named", asked({ report: { nvidiaSmi: BUSY_UNNAMED } }), {}, ["gpu_busy warning"]],
  ["a busy GPU that is not chosen", asked({ report: { nvidiaSmi: BUSY_A100 } }), { numRanks: 2, gpus: [2, 3] }, []],
])("%s", (_name, facts, needs, expected) => {
  expect(trouble(facts, needs)).toEqual(expected);
});

test("no engine on this machine: what to install; none that runs: what to start", () => {
  const problem = {
    ...ERROR,
    code: "engine_unreachable",
    message: "The container engine does not run (unix:///var/run/docker.sock).",
  } as const;
  const none = { engine: { problem } };
  const commandOf = (rest: Partial<Asked>) =>
    findings(asked({ rest: { ...none, ...rest } }), NEEDS).map((it) => it.command);
  expect(commandOf({ hasCommand: false })).toEqual([expect.stringMatching(/^sudo apt-get install docker\.io/)]);
  expect(commandOf({})).toEqual(["sudo systemctl start docker"]);
  const podman = { name: "podman", address: "unix:///run/user/1000/podman/podman.sock" };
  expect(commandOf(podman)).toEqual(["systemctl --user start podman.socket"]);
  expect(commandOf({ name: "own", address: "unix:///home/me/engine.sock" })).toEqual([""]);
  expect(commandOf({ platform: "darwin", hasCommand: false })).toEqual([""]);
  const behindSsh = { ...problem, message: "There is no ssh connection to box: Connection refused." };
  expect(commandOf({ name: "box", address: "ssh://box", hasCommand: false, engine: { problem: behindSsh } })).toEqual([
    "",
  ]);
});

test("without an image, and where the engine refuses, what is not known says why", () => {
  const without = (probe: Asked["probe"]) => findings(asked({ rest: { probe } as Partial<Asked> }), NEEDS);
  const missing = without({
    report: null,
    unknownBecause: "there is no image to look from",
    gpuRefusal: null,
    memlockRefused: false,
  });
  expect(missing.filter(({ state }) => state === "unknown").map(({ message }) => message)).toEqual(
    Array(14).fill("Not known: there is no image to look from."),
  );
  expect(
    condensed(missing)
      .filter(({ state }) => state === "unknown")
      .map(({ title }) => title),
  ).toEqual([
    "Starts, disk",
    "Limits, shared memory, locked memory",
    "Rights",
    "Driver, number, model, MIG, links, ECC, power limit, in use",
  ]);
  const refused = without({ report: null, refusal: ERROR, gpuRefusal: null, memlockRefused: false });
  expect(refused.find(({ id }) => id === "probe")).toMatchObject({ state: "problem", message: "It refused." });
  expect(refused.find(({ id }) => id === "disk")?.message).toBe("Not known: no container could be started.");
});

test("a driver that fails, and GPUs that the engine does not give, are told apart", () => {
  const states = (facts: Asked) =>
    findings(facts, NEEDS).flatMap(({ id, state }) => (/gpu_(?:runtime|driver)/.test(id) ? [`${id} ${state}`] : []));
  expect(states(asked({ report: { nvidiaSmi: VERSION_MISMATCH } }))).toEqual(["gpu_runtime ok", "gpu_driver problem"]);
  expect(states(asked({ report: { nvidiaSmi: NO_DEVICES } }))).toEqual(["gpu_runtime ok", "gpu_driver problem"]);
  const refused = asked({
    facts: { runtimes: ["runc"] },
    report: { nvidiaSmi: null, gpuDevices: [] },
  });
  expect(
    states({ ...refused, probe: { report: { ...REPORT, nvidiaSmi: null }, gpuRefusal: ERROR, memlockRefused: false } }),
  ).toEqual(["gpu_runtime problem", "gpu_driver unknown"]);
  expect(states(refused)).toEqual(["gpu_runtime problem", "gpu_driver unknown"]);
  // The image asks for no nvidia-smi: nothing is known of the GPUs, and a run has them.
  expect(states(asked({ report: { nvidiaSmi: null } }))).toEqual(["gpu_runtime warning", "gpu_driver unknown"]);
});

test("words of a driver hide and reorder nothing", () => {
  const said = asked({ report: { nvidiaSmi: { gpus: { exitStatus: 9, output: "fine\u202e\u001b[2J" } } } });
  expect(messageOf("gpu_driver", said)).toBe('nvidia-smi fails and says "fine\ufffd\ufffd[2J".');
});

test("another GPU is counted by production's peak, with its own beside it", () => {
  const h100 = asked({ report: { nvidiaSmi: ONE_H100 } });
  expect(messageOf("gpu_model", h100, { numRanks: 1 })).toBe(
    "Not comparable: 1 x NVIDIA H100 80GB HBM3 with 79.6 GiB, and the leaderboard's scores are of A100s with 80 GB. " +
      "MFU is counted by the profile's 312 TFLOP/s, and by its own 989 beside it.",
  );
  expect(gpusOf(h100)).toEqual([
    {
      index: 0,
      name: "NVIDIA H100 80GB HBM3",
      memoryBytes: 81_559 * 1024 ** 2,
      usedBytes: 1024 ** 2,
      utilizationPercent: 0,
      busy: false,
      bf16Tflops: 989,
    },
  ]);
  expect(messageOf("gpu_busy", asked({ report: { nvidiaSmi: BUSY_A100 } }))).toBe(
    "GPU 0 is in use: python (31337) takes 59.8 GiB of its memory and 98% of its time; a run is slower, or has too little memory.",
  );
});

test("a driver's name finds its GPU's peak, and no other's", () => {
  const peaks = Object.fromEntries(
    [
      ...["NVIDIA A100-SXM4-80GB", "NVIDIA A100 80GB PCIe", "NVIDIA H100 80GB HBM3", "NVIDIA H100 PCIe", "NVIDIA H200"],
      ...[
        "NVIDIA H100 NVL",
        "NVIDIA L4",
        "NVIDIA L40",
        "NVIDIA L40S",
        "NVIDIA A10",
        "NVIDIA A10G",
        "NVIDIA GeForce RTX 4090",
      ],
      ...["NVIDIA GeForce RTX 4090 Laptop GPU", "NVIDIA GeForce RTX 3090 Ti", "Tesla V100-SXM2-16GB"],
    ].map((name) => [name, bf16PeakOf(name)]),
  );
  expect(peaks).toEqual({
    "NVIDIA A100-SXM4-80GB": 312,
    "NVIDIA A100 80GB PCIe": 312,
    "NVIDIA H100 80GB HBM3": 989,
    "NVIDIA H100 PCIe": 756,
    "NVIDIA H200": 989,
    "NVIDIA H100 NVL": 835,
    "NVIDIA L4": 121,
    "NVIDIA L40": null,
    "NVIDIA L40S": 362,
    "NVIDIA A10": 125,
    "NVIDIA A10G": null,
    "NVIDIA GeForce RTX 4090": 165.2,
    "NVIDIA GeForce RTX 4090 Laptop GPU": null,
    "NVIDIA GeForce RTX 3090 Ti": null,
    "Tesla V100-SXM2-16GB": null,
  });
  // The two tables say the same.
  for (const { model, bf16Tflops } of GPUS) expect(bf16PeakOf(`NVIDIA ${model} HBM3`)).toBe(bf16Tflops);
});

test("the clock is compared with the middle of the question", () => {
  expect(clockSkew(10_500, 10_000, 11_000)).toEqual({ seconds: 0, uncertaintySeconds: 0.5 });
  expect(clockSkew(3_610_000, 10_000, 10_000)).toEqual({ seconds: 3600, uncertaintySeconds: 0 });
  expect(clockSkew(null, 0, 1)).toBe(null);
});

test("the report as text has each finding with what to do", () => {
  const text = reportText({
    engine: "box",
    address: "ssh://box",
    profile: "production-3b",
    numRanks: 4,
    runProfile: "validator",
    checkedAt: "2026-01-01T00:00:00Z",
    findings: findings(asked({ report: { nvidiaSmi: MIG_A100 } }), { ...NEEDS, numRanks: 1 }),
    gpus: [],
  });
  expect(text.split("\n").slice(0, 6)).toEqual([
    "Container engine box (ssh://box)",
    "for profile production-3b, 4 ranks, flags of the validator",
    "checked 2026-01-01T00:00:00Z",
    "",
    "Engine",
    expect.stringMatching(/^ {2}ok {7}Reachable: default answers/),
  ]);
  expect(text).toContain(
    "  problem  MIG: MIG is on for GPU 0: a container gets a slice of it, without NVLink, and no score compares.\n" +
      "           Switch it off while nothing uses the GPU.\n" +
      "           $ sudo nvidia-smi -i 0 -mig 0\n",
  );
});
