/** A local folder as the production source, with more in it than there is memory for. */
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { readFolder } from "./folder.ts";
import { SNAPSHOT_LIMITS } from "./snapshot.ts";

const reads = vi.hoisted(() => ({ bytes: 0 }));
vi.mock("node:fs", async (original) => {
  const fs = await original<typeof import("node:fs")>();
  const readSync = (...args: Parameters<typeof fs.readSync>) => {
    const count = fs.readSync(...args);
    reads.bytes += count;
    return count;
  };
  return { ...fs, readSync };
});

test("no more is read than is taken, however many links lead to one file", () => {
  const folder = mkdtempSync(join(tmpdir(), "crusader-folder-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, "big.py"), "x".repeat(1000));
  for (let index = 0; index < 50; index += 1) symlinkSync("big.py", join(folder, `link${index}.py`));
  const { files, leftOut } = readFolder(folder, { ...SNAPSHOT_LIMITS, maxTotalBytes: 3500 });
  expect([...files.keys()]).toEqual(["big.py", "link0.py", "link1.py"]);
  expect(leftOut).toEqual(["48 files beyond 3500 bytes in all"]);
  expect(reads.bytes).toBe(3000);
});
