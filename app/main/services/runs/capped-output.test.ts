import { mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { CappedOutput } from "./capped-output.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "crusader-output-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const LIMITS = { headBytes: 10, tailBytes: 5 };
// Every way in which the same bytes may arrive gives the same log.
const chunkings = [1, 2, 3, 4, 7, 1000];

test.each([
  ["nothing", "", "", 0],
  ["less than the head", "abc", "abc", 0],
  ["exactly the head", "0123456789", "0123456789", 0],
  ["head and tail", "0123456789abcde", "0123456789abcde", 0],
  ["one byte too many", "0123456789abcdef", "0123456789\n[1 bytes of output dropped here]\nbcdef", 1],
  ["far too many", `0123456789${"x".repeat(100)}vwxyz`, "0123456789\n[100 bytes of output dropped here]\nvwxyz", 100],
])("%s", (_name, printed, log, droppedBytes) => {
  for (const size of chunkings) {
    const path = join(folder, `${size}.log`);
    const output = new CappedOutput(path, LIMITS);
    const bytes = Buffer.from(printed);
    for (let start = 0; start < bytes.length; start += size) output.write(bytes.subarray(start, start + size));
    expect(output.finish()).toEqual({ keptBytes: printed.length - droppedBytes, droppedBytes, error: null });
    expect(printed === "" ? "" : readFileSync(path, "utf8")).toBe(log);
  }
});

test.skipIf(process.platform !== "linux")("a full disk loses nothing silently", () => {
  const path = join(folder, "full.log");
  symlinkSync("/dev/full", path);
  const output = new CappedOutput(path, LIMITS);
  expect([output.write(Buffer.from("abc"))?.code, output.write(Buffer.from("defg"))]).toEqual(["ENOSPC", null]);
  expect(output.finish()).toMatchObject({ keptBytes: 0, droppedBytes: 7, error: { code: "ENOSPC" } });
});
