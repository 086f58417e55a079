import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { resourceRoot } from "./resources.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "crusader-resources-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function put(...files: string[]): void {
  for (const file of files) {
    mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
    writeFileSync(path.join(folder, file), "");
  }
}
const rootOf = (file: string) => resourceRoot(pathToFileURL(path.join(folder, file)).href);

test("sources find the repository, and so does what is built into it", () => {
  const repository = fileURLToPath(new URL("../../../", import.meta.url));
  expect(resourceRoot(import.meta.url)).toBe(path.dirname(path.join(repository, "package.json")));
  put("simulator-image/crusades_eval/scan.py", "dist/electron/services.js", "dist/simulator-image/README.md");
  expect(rootOf("dist/electron/services.js")).toBe(folder);
});

test("a package finds what lies beside its archive, from inside it and from its unpacked part", () => {
  // The archive is a file; Electron alone sees folders in it.
  put("resources/app.asar", "resources/simulator-image/crusades_eval/scan.py");
  const resources = path.join(folder, "resources");
  expect(rootOf("resources/app.asar/dist/electron/services.js")).toBe(resources);
  expect(rootOf("resources/app.asar.unpacked/dist/electron/worker.js")).toBe(resources);
});

test("an incomplete installation is named", () => {
  put("resources/app.asar");
  expect(() => rootOf("resources/app.asar/dist/electron/services.js")).toThrow(/install Crusader again/);
});
