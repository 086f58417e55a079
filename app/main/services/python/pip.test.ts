import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { PipProgress, packageName } from "./pip.ts";
import type { PythonProgress } from "./progress.ts";

const TORCH = "torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl";

let root = "";
let events: PythonProgress[] = [];

beforeEach(() => {
  root = mkdtempSync(path.join(os.tmpdir(), "crusader-pip-"));
  events = [];
});
afterEach(() => rmSync(root, { recursive: true }));

const start = () =>
  new PipProgress({ packages: 2, temporary: root, sitePackages: root, report: (event) => events.push(event) });

test("packages are counted as pip names them", () => {
  const progress = start();
  const lines = [
    "Looking in links: /wheels",
    "Collecting torch==2.13.0+cpu",
    "Processing /wheels/typing_extensions-4.16.0-py3-none-any.whl (from torch==2.13.0+cpu)",
    "  Downloading typing_extensions-4.16.0-py3-none-any.whl.metadata (3.3 kB)",
    "Collecting not-pinned",
  ];
  for (const line of lines) progress.take(line);
  expect(events.map(({ done, total, detail }) => [done, total, detail])).toEqual([
    [1, 2, "torch"],
    [2, 2, "typing-extensions"],
    [2, 2, "not-pinned"],
  ]);
});

test("a large file is followed by its size on disk", () => {
  const progress = start();
  progress.take(`  Downloading ${TORCH.replace("+", "%2B")} (190.2 MB)`);
  mkdirSync(path.join(root, "pip-unpack-abc"));
  writeFileSync(path.join(root, "pip-unpack-abc", TORCH), "12345");
  progress.poll();
  const event = { phase: "download", total: 190.2e6, unit: "bytes", detail: "torch" };
  expect(events).toEqual([
    { ...event, done: 0 },
    { ...event, done: 5 },
  ]);
});

test("installed packages are counted as pip finishes them", () => {
  const info = (name: string, ...files: string[]) => {
    mkdirSync(path.join(root, `${name}.dist-info`));
    for (const file of files) writeFileSync(path.join(root, `${name}.dist-info`, file), "");
  };
  info("pip-23.2.1", "METADATA", "INSTALLER");
  const progress = start();
  progress.take("Installing collected packages: sympy, torch");
  info("sympy-1.14.0", "METADATA", "INSTALLER");
  info("torch-2.13.0", "METADATA");
  progress.poll();
  const event = { phase: "install", total: 2, unit: "packages", detail: "" };
  expect(events).toEqual([
    { ...event, done: 0 },
    { ...event, done: 1 },
  ]);
});

test("names are read from requirements and from files", () => {
  const texts = ["torch==2.13.0+cpu", `/a/${TORCH}`, "PyYAML", "hf_xet-1.8.0.tar.gz"];
  expect(texts.map(packageName)).toEqual(["torch", "torch", "pyyaml", "hf-xet"]);
});
