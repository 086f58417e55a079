import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { CrusaderError } from "../../common/errors.ts";
import { type CommandEntry, runCommand } from "./main.ts";

const LAUNCHER = fileURLToPath(new URL("../../../bin/crusader.mjs", import.meta.url));

function fakeIo() {
  const text = { stdout: "", stderr: "" };
  const stream = (name: "stdout" | "stderr") => ({
    write: (part: string) => {
      text[name] += part;
    },
  });
  return { text, io: { stdout: stream("stdout"), stderr: stream("stderr") } };
}

async function run(args: string[], command: CommandEntry["load"]) {
  const { text, io } = fakeIo();
  const code = await runCommand(args, io, { scan: { summary: "Scan", load: command } });
  return { code, ...text };
}

const echo = async () => async (args: readonly string[], io: ReturnType<typeof fakeIo>["io"]) => {
  io.stdout.write(args.join(" "));
  return 1;
};

test("a command gets its arguments and decides the exit code", async () => {
  expect(await run(["scan", "a.py", "--json"], echo)).toEqual({ code: 1, stdout: "a.py --json", stderr: "" });
  expect(await run(["help", "scan"], echo)).toEqual({ code: 1, stdout: "--help", stderr: "" });
});

test("an unknown command names the nearest one and is wrong use", async () => {
  expect(await run(["scna"], echo)).toEqual({
    code: 2,
    stdout: "",
    stderr: 'error: There is no command "scna".\nhint: Did you mean `crusader scan`?\n',
  });
  expect((await run(["constructor"], echo)).code).toBe(2);
  expect((await run(["deploy"], echo)).stderr).toContain("`crusader --help` lists the commands.");
});

test("an expected error is printed with its hint, and as JSON when asked", async () => {
  const failing = (code: ConstructorParameters<typeof CrusaderError>[0]) => async () => async () => {
    throw new CrusaderError(code, "No such file.", "Check the path.");
  };
  expect(await run(["scan"], failing("not_found"))).toEqual({
    code: 2,
    stdout: "",
    stderr: "error: No such file.\nhint: Check the path.\n",
  });
  const json = await run(["scan", "--json"], failing("python_missing"));
  expect({ ...json, stdout: JSON.parse(json.stdout) }).toEqual({
    code: 3,
    stdout: { error: { code: "python_missing", message: "No such file.", hint: "Check the path.", detail: "" } },
    stderr: "error: No such file.\nhint: Check the path.\n",
  });
});

test("anything else that is thrown is called a bug and shows its stack", async () => {
  const result = await run(["scan"], async () => async () => {
    throw new TypeError("boom");
  });
  expect(result.code).toBe(3);
  expect(result.stderr).toMatch(/^TypeError: boom\n {4}at .*[\s\S]*error: boom\nhint: This is a bug of Crusader\./);
});

test("paths are relative to where npm was called from", async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "crusader-launcher-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(path.join(folder, "train.py"), "import os\n");
  const npm = { npm_package_name: "crusader", npm_lifecycle_event: "crusader", INIT_CWD: folder };
  const result = spawnSync(process.execPath, [LAUNCHER, "scan", "--json", "train.py"], {
    env: { ...process.env, ...npm },
    encoding: "utf8",
  });
  expect({ status: result.status, stderr: result.stderr, first: JSON.parse(result.stdout)[0].verdict }).toEqual({
    status: 1,
    stderr: "",
    first: { ok: false, kind: "security", line: 1, rule: "forbidden-module" },
  });
});

test.runIf(existsSync("/dev/full"))("an answer that cannot be written is the environment's fault", async () => {
  const full = openSync("/dev/full", "w");
  const child = spawn(process.execPath, [LAUNCHER, "--help"], { stdio: ["ignore", full, "pipe"] });
  closeSync(full);
  let stderr = "";
  child.stderr?.on("data", (part: Buffer) => {
    stderr += part.toString();
  });
  const [code] = await once(child, "close");
  expect({ code, stderr }).toEqual({
    code: 3,
    stderr: "error: The answer cannot be written: ENOSPC: no space left on device, write.\n",
  });
});

test.each([
  { of: "help", content: null, code: 0 },
  { of: "a rejection", content: "import os\n", code: 1 },
])("a reader that closes the pipe early is no error, and changes no exit code: $of", async ({ content, code }) => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "crusader-launcher-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = path.join(folder, "train.py");
  writeFileSync(file, content ?? "");
  const args = content === null ? ["--help"] : ["scan", file, file];
  const child = spawn(process.execPath, [LAUNCHER, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  child.stdout.destroy();
  let stderr = "";
  child.stderr.on("data", (part: Buffer) => {
    stderr += part.toString();
  });
  expect({ ended: await once(child, "close"), stderr }).toEqual({ ended: [code, null], stderr: "" });
});

test("nor does one that hears no errors any more", async () => {
  const child = spawn(process.execPath, [LAUNCHER, "scan", "/nowhere.py"], { stdio: ["ignore", "pipe", "pipe"] });
  child.stdout.destroy();
  child.stderr.destroy();
  expect(await once(child, "close")).toEqual([2, null]);
});
