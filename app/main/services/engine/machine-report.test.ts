import { expect, test } from "vitest";
import { readMachineReport } from "./machine-report.ts";

const REPORT = {
  version: 1,
  kernel: "6.1.0",
  secondsSince1970: 1_700_000_000.5,
  user: 999,
  seccomp: 2,
  noNewPrivileges: 1,
  effectiveCapabilities: "0000000000000000",
  rootIsReadOnly: true,
  memlockBytes: null,
  cgroup: { memoryBytes: 1024, processes: 64 },
  cores: 2,
  memoryBytes: 4096,
  folders: { "/": { totalBytes: 10, freeBytes: 5 }, "/dev/shm": null },
  gpuDevices: ["nvidia0"],
  nvidiaSmi: null,
};

test("the last line is the report, whatever an image says before", () => {
  expect(readMachineReport(`hello\n{"version": 1}\n${JSON.stringify(REPORT)}\n`)).toEqual(REPORT);
});

test.each([
  ["nothing", ""],
  ["no JSON", "{"],
  ["of another version", JSON.stringify({ ...REPORT, version: 2 })],
  ["with a longer answer than a probe of ours passes on", withAnswer("GPU0 ".repeat(20_000))],
  ["with more devices than there are", JSON.stringify({ ...REPORT, gpuDevices: Array(5000).fill("nvidia0") })],
])("a report that is none: %s", (_name, output) => {
  expect(readMachineReport(output)).toBeNull();
});

function withAnswer(output: string): string {
  return JSON.stringify({ ...REPORT, nvidiaSmi: { gpus: { exitStatus: 0, output } } });
}
