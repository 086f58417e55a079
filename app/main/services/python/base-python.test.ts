import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { findBasePython } from "./base-python.ts";

const root = mkdtempSync(path.join(os.tmpdir(), "crusader-base-python-"));
afterAll(() => rmSync(root, { recursive: true }));

/** A folder of programs that answer as Pythons do. */
function folderOf(name: string, programs: Record<string, { version: string; venv?: boolean; bits?: number }>): string {
  const folder = path.join(root, name);
  mkdirSync(folder, { recursive: true });
  for (const [program, { version, venv = true, bits = 64 }] of Object.entries(programs)) {
    const [major, minor] = version.split(".").map(Number);
    const file = path.join(folder, program);
    const answer = { version, major, minor, executable: file, bits, makesEnvironments: venv };
    writeFileSync(file, `#!/bin/sh\necho '${JSON.stringify(answer)}'\n`);
    chmodSync(file, 0o755);
  }
  return folder;
}

const find = (PATH: string, env: NodeJS.ProcessEnv = {}) =>
  findBasePython({ env: { PATH, HOME: root, ...env }, platform: "linux" });

describe.skipIf(process.platform === "win32")("the base Python (needs posix)", () => {
  test("is 3.11, production's, before a newer one", async () => {
    const folder = folderOf("both", { python3: { version: "3.13.1" }, "python3.11": { version: "3.11.9" } });
    expect((await find(folder)).version).toBe("3.11.9");
  });

  test("is the next that fits where there is no 3.11, and never one too old or too new", async () => {
    const folder = folderOf("newer", {
      "python3.13": { version: "3.13.1" },
      "python3.12": { version: "3.12.4", venv: false },
      python3: { version: "3.15.0" },
      python: { version: "2.7.18" },
    });
    expect((await find(folder)).version).toBe("3.13.1");
  });

  test("is found among pyenv's versions", async () => {
    folderOf(path.join("pyenv", "versions", "3.11.7", "bin"), { python3: { version: "3.11.7" } });
    const found = await find(path.join(root, "nothing"), { PYENV_ROOT: path.join(root, "pyenv") });
    expect(found.version).toBe("3.11.7");
  });

  test("is only the one that CRUSADER_PYTHON names, if it is set", async () => {
    const folder = folderOf("old", { python3: { version: "3.8.1" }, "python3.11": { version: "3.11.9" } });
    const chosen = path.join(folder, "python3");
    await expect(find(folder, { CRUSADER_PYTHON: chosen })).rejects.toMatchObject({
      code: "python_missing",
      message: `CRUSADER_PYTHON names ${chosen}, which is no 64-bit Python 3.11 to 3.14. Found only: 3.8.1.`,
    });
  });

  test("without venv is named together with the package that brings it", async () => {
    await expect(find(folderOf("debian", { python3: { version: "3.12.3", venv: false } }))).rejects.toMatchObject({
      code: "python_missing",
      message: expect.stringContaining("its venv and ensurepip modules are missing"),
      hint: "On Debian and Ubuntu: sudo apt install python3.12-venv. Then try again.",
    });
  });

  test("that is missing is said with what to install", async () => {
    await expect(find(folderOf("none", { python3: { version: "3.11.1", bits: 32 } }))).rejects.toMatchObject({
      code: "python_missing",
      message:
        "Rehearsals need a 64-bit Python 3.11 to 3.14, and there is none on this machine. Found only: 3.11.1, 32 bit.",
      hint: expect.stringContaining("sudo apt install python3 python3-venv"),
    });
  });
});
