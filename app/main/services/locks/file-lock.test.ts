import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { lockFile, tryLockFile } from "./index.ts";

test("a lock that cannot be made is refused in words", async () => {
  const folder = mkdtempSync(join(tmpdir(), "crusader-locks-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "gone", "x.lock");
  const refusal = {
    code: "data_folder",
    message: expect.stringContaining(file),
    hint: expect.stringContaining("rights"),
  };
  await expect(lockFile(file, () => {})).rejects.toMatchObject(refusal);
  expect(() => tryLockFile(file)).toThrow(expect.objectContaining(refusal));
});
