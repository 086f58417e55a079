import { expect, test } from "vitest";
import {
  BUSY_A100,
  FOUR_A100,
  MIG_A100,
  NO_ANSWER,
  NO_DEVICES,
  NO_DRIVER,
  OLD_V100,
  ONE_H100,
  TWO_RTX_4090,
  VERSION_MISMATCH,
} from "./nvidia-samples.ts";
import { matrix, type NvidiaFacts, readNvidia } from "./nvidia-smi.ts";

test("a GPU's properties, each in its place", () => {
  const { gpus, processes } = readNvidia(BUSY_A100) as NvidiaFacts;
  expect({ first: gpus[0], count: gpus.length, processes }).toEqual({
    first: {
      index: 0,
      uuid: "GPU-00000000-1111-2222-3333-444444444444",
      name: "NVIDIA A100-SXM4-80GB",
      driver: "550.90.07",
      memoryMib: 81_920,
      usedMib: 61_234,
      utilizationPercent: 98,
      mig: false,
      ecc: true,
      eccErrors: 0,
      powerLimitWatts: 400,
      defaultPowerLimitWatts: 400,
      computeCapability: "8.0",
    },
    count: 4,
    processes: [{ gpuUuid: "GPU-00000000-1111-2222-3333-444444444444", pid: 31_337, name: "python", usedMib: 61_224 }],
  });
});

test("what a GPU does not tell is null, never 0", () => {
  const [player] = (readNvidia(TWO_RTX_4090) as NvidiaFacts).gpus;
  const [old] = (readNvidia(OLD_V100) as NvidiaFacts).gpus;
  const [sliced] = (readNvidia(MIG_A100) as NvidiaFacts).gpus;
  expect([player, old, sliced]).toMatchObject([
    { mig: null, ecc: null, eccErrors: null, powerLimitWatts: 450 },
    { mig: null, ecc: false, powerLimitWatts: null, defaultPowerLimitWatts: null, computeCapability: null },
    { mig: true, utilizationPercent: null },
  ]);
});

test("a table of more GPUs than there are machines for is cut, not multiplied out", () => {
  const row = (name: string) => `${name} ${"SYS ".repeat(600)}`;
  const heading = Array.from({ length: 600 }, (_, index) => `GPU${index}`).join(" ");
  const output = [heading, ...Array.from({ length: 600 }, (_, index) => row(`GPU${index}`))].join("\n");
  expect(matrix({ exitStatus: 0, output })).toHaveLength(256 * 255);
});

test("the tables of links name every pair of GPUs once a direction, and nothing else", () => {
  const { links, peers } = readNvidia(FOUR_A100) as NvidiaFacts;
  expect(links.length).toBe(12);
  expect(new Set(links.map(({ kind }) => kind))).toEqual(new Set(["NV12"]));
  expect(peers.filter(({ from }) => from === 2)).toEqual([
    { from: 2, to: 0, kind: "OK" },
    { from: 2, to: 1, kind: "OK" },
    { from: 2, to: 3, kind: "OK" },
  ]);
  expect((readNvidia(ONE_H100) as NvidiaFacts).links).toEqual([]);
  expect(matrix({ exitStatus: 0, output: "" })).toEqual([]);
  expect(matrix({ exitStatus: 255, output: FOUR_A100.topology?.output ?? "" })).toEqual([]);
});

test.each([
  [VERSION_MISMATCH, "version_mismatch"],
  [NO_DRIVER, "no_driver"],
  [NO_DEVICES, "no_devices"],
  [NO_ANSWER, "silent"],
  [{ gpus: { exitStatus: 255, output: "Segmentation fault" } }, "other"],
  [{ gpus: { exitStatus: 0, output: "" } }, "no_devices"],
  [{ gpus: { exitStatus: 0, output: "hello\nworld, 1, 2\n" } }, "no_devices"],
])("why nothing was told: %j", (answers, kind) => {
  expect(readNvidia(answers)).toMatchObject({ kind });
});
