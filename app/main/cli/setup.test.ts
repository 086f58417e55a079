import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { setupCommand } from "./setup.ts";

function fakeIo() {
  const text = { stdout: "", stderr: "" };
  const stream = (name: "stdout" | "stderr") => ({
    write: (part: string) => {
      text[name] += part;
    },
  });
  return { text, io: { stdout: stream("stdout"), stderr: stream("stderr") } };
}

test("help names every option and variable", async () => {
  const { text, io } = fakeIo();
  expect(await setupCommand(["--help"], io)).toBe(0);
  for (const name of ["--force", "--with-test", "--json", "CRUSADER_PYTHON", "CRUSADER_PYTHON_ENV", "CRUSADER_HOME"]) {
    expect(text.stdout).toContain(`${name} `);
  }
  expect(text.stderr).toBe("");
});

test("an unknown option is wrong use", async () => {
  await expect(setupCommand(["--fast"], fakeIo().io)).rejects.toMatchObject({
    code: "usage",
    message: expect.stringContaining("--fast"),
    hint: "`crusader setup --help` lists the options.",
  });
});

test("environments that nobody uses any more make way", async (context) => {
  const { CRUSADER_PYTHON_ENV } = process.env;
  if (!CRUSADER_PYTHON_ENV) return context.skip("needs python: CRUSADER_PYTHON_ENV names no environment");
  const home = mkdtempSync(join(tmpdir(), "crusader-setup-"));
  onTestFinished(() => rmSync(home, { recursive: true }));
  vi.stubEnv("CRUSADER_HOME", home);
  onTestFinished(() => void vi.unstubAllEnvs());
  const folder = join(home, "python");
  mkdirSync(join(folder, "aaaaaaaaaaaaaaaa-00000001"), { recursive: true });
  mkdirSync(join(folder, "mine"));
  const { text, io } = fakeIo();
  expect(await setupCommand(["--json"], io)).toBe(0);
  expect(JSON.parse(text.stdout)).toMatchObject({ python: CRUSADER_PYTHON_ENV });
  expect(readdirSync(folder).filter((name) => !name.endsWith(".lock"))).toEqual(["mine"]);
});
