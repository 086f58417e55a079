import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { JsonFile } from "./index.ts";

function bench() {
  const folder = mkdtempSync(join(tmpdir(), "crusader-storage-"));
  onTestFinished(() => {
    chmodSync(folder, 0o700);
    rmSync(folder, { recursive: true });
  });
  const path = join(folder, "deep", "file.json");
  const options = { path, schema: z.object({ name: z.string() }), version: 2, initial: () => ({ name: "new" }) };
  return { folder: join(folder, "deep"), path, file: new JsonFile({ ...options, now: () => 7 }) };
}

test("what is written is read, also by another process; nothing else is left in the folder", () => {
  const { file, folder, path } = bench();
  expect(file.read()).toEqual({ name: "new" });
  file.write({ name: "a" });
  file.write({ name: "b" });
  expect([file.read(), file.setAside, readdirSync(folder)]).toEqual([{ name: "b" }, null, ["file.json"]]);
  expect(JSON.parse(readFileSync(path, "utf8"))).toEqual({ version: 2, name: "b" });
});

test.each([
  ["{ torn", "it is no JSON"],
  ["null", "its content: Invalid input: expected object, received null"],
  ['{"version":2,"name":3}', "name: Invalid input: expected string, received number"],
])("%s is set aside, and said", (content, reason) => {
  const { file, path } = bench();
  file.write({ name: "a" });
  writeFileSync(path, content);
  expect(file.read()).toEqual({ name: "new" });
  expect(file.setAside).toEqual({ file: `${path}.damaged-7`, reason });
  file.write({ name: "b" });
  expect(readFileSync(`${path}.damaged-7`, "utf8")).toBe(content);
});

test("a file of a newer Crusader is neither used nor overwritten", () => {
  const { file, path } = bench();
  file.write({ name: "a" });
  writeFileSync(path, '{"version":3}');
  expect(() => file.read()).toThrow(/written by a newer Crusader \(version 3; this one knows 2\)/);
  expect(readFileSync(path, "utf8")).toBe('{"version":3}');
});
