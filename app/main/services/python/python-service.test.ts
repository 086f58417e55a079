import { execFile, execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import type { AddressInfo, Socket } from "node:net";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { tryLockFile } from "../locks/index.ts";
import { findBasePython } from "./base-python.ts";
import { type PythonProgress, PythonService, type PythonServiceOptions } from "./index.ts";

const base = await findBasePython({ env: process.env, platform: process.platform }).catch(() => null);

/** Writes the smallest wheel there is: one module. */
const MAKE_WHEEL = `
import sys, zipfile
folder, name, version = sys.argv[1:]
info = f"{name}-{version}.dist-info"
with zipfile.ZipFile(f"{folder}/{name}-{version}-py3-none-any.whl", "w") as wheel:
    wheel.writestr(f"{name}.py", "value = 1\\n" + "# filler\\n" * 20000)
    wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n")
    wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    wheel.writestr(f"{info}/RECORD", "")
`;

const PHASES = ["find", "create", "download", "install", "verify"];

let root = "";
let wheels = "";

// Everything pip would otherwise take from this machine's configuration is set, so that the tests stand alone.
const isolated = () => ({
  PATH: process.env.PATH,
  HOME: root,
  SYSTEMROOT: process.env.SYSTEMROOT,
  CRUSADER_PYTHON: base?.executable,
  PIP_CONFIG_FILE: os.devNull,
  PIP_CACHE_DIR: path.join(root, "cache"),
});
const offline = () => ({ ...isolated(), PIP_NO_INDEX: "1", PIP_FIND_LINKS: wheels });

function options(env: NodeJS.ProcessEnv): PythonServiceOptions {
  const dataFolder = path.join(root, "data");
  return { dataFolder, requirementsFolder: root, env, packages: ["tiny_one"], requiredBytes: 1e6 };
}

const environments = () =>
  readdirSync(path.join(root, "data", "python"), { withFileTypes: true }).filter((entry) => entry.isDirectory());
const stampFile = () => {
  const folder = path.join(root, "data", "python");
  return path.join(folder, readdirSync(folder).find((name) => name.endsWith(".json")) ?? "missing");
};

/** A package index that may `stall` (never answers) or `break` (drops the connection) on the second package's file. */
async function packageIndex(mode: { now: "stall" | "break" | "serve" }, onStalled: () => void = () => {}) {
  const requests: string[] = [];
  const stalledClosed = Promise.withResolvers<void>();
  const server = http.createServer((request, response) => {
    const url = request.url ?? "";
    requests.push(url);
    const file = /^\/files\/([\w.-]+)$/.exec(url)?.[1];
    const name = /^\/simple\/([\w-]+)\/$/.exec(url)?.[1];
    if (name !== undefined) {
      const found = readdirSync(wheels).filter((wheel) => wheel.startsWith(name.replaceAll("-", "_")));
      response.setHeader("content-type", "text/html");
      response.end(found.map((wheel) => `<a href="/files/${wheel}">${wheel}</a>`).join("\n"));
      return;
    }
    const bytes = readFileSync(path.join(wheels, file ?? ""));
    response.setHeader("cache-control", "max-age=365000000, immutable, public");
    response.setHeader("content-length", bytes.length);
    if (mode.now === "serve" || file?.startsWith("tiny_one")) {
      response.end(bytes);
    } else if (mode.now === "break") {
      response.write(bytes.subarray(0, 100), () => (request.socket as Socket).destroy());
    } else {
      request.socket.on("close", () => stalledClosed.resolve());
      response.write(bytes.subarray(0, 100), onStalled);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const env = {
    ...isolated(),
    PIP_INDEX_URL: `http://127.0.0.1:${port}/simple`,
    PIP_TRUSTED_HOST: "127.0.0.1",
    PIP_RETRIES: "0",
  };
  return { env, requests, stalledClosed: stalledClosed.promise };
}

describe.skipIf(base === null)("the Python environment (needs python)", { timeout: 120_000 }, () => {
  beforeAll(() => {
    wheels = mkdtempSync(path.join(os.tmpdir(), "crusader-wheels-"));
    for (const name of ["tiny_one", "tiny_two", "pytest", "ruff"]) {
      execFileSync(base?.executable ?? "", ["-c", MAKE_WHEEL, wheels, name, "1.0"]);
    }
    return () => rmSync(wheels, { recursive: true });
  });

  beforeEach(() => {
    root = mkdtempSync(path.join(os.tmpdir(), "crusader-python-"));
    writeFileSync(path.join(root, "requirements-cpu.txt"), "tiny_one==1.0\ntiny_two==1.0\n");
    writeFileSync(path.join(root, "requirements-test.txt"), "pytest==1.0\nruff==1.0\n");
  });

  afterEach(() => rmSync(root, { recursive: true }));

  test("is made once with progress, then found without starting Python, and extended by extras", async () => {
    const events: PythonProgress[] = [];
    const service = new PythonService(options(offline()));
    const made = await service.ensure({ onProgress: (event) => events.push(event) });

    expect(made.versions).toEqual({ python: base?.version, tiny_one: "1.0" });
    expect([...new Set(events.map((event) => event.phase))]).toEqual(PHASES);
    expect(events.filter((event) => event.phase === "download")).toEqual([
      { phase: "download", done: 1, total: 2, unit: "packages", detail: "tiny-one" },
      { phase: "download", done: 2, total: 2, unit: "packages", detail: "tiny-two" },
    ]);
    // With nothing on the PATH no Python could be started.
    const again = new PythonService(options({ ...offline(), PATH: "" }));
    expect(await again.ensure({ onProgress: () => expect.unreachable() })).toEqual(made);
    await service.verify(made);

    expect(await service.ensure({ extras: ["test"] })).toEqual(made);
    expect(await again.ensure({ extras: ["test"], onProgress: () => expect.unreachable() })).toEqual(made);
    execFileSync(made.python, ["-I", "-c", "import tiny_one, tiny_two, pytest, ruff"]);
  });

  test("is made anew when its stamp is damaged or it is asked for", async () => {
    const service = new PythonService(options(offline()));
    const first = await service.ensure();
    const stamp = readFileSync(stampFile(), "utf8");
    writeFileSync(stampFile(), stamp.slice(0, 40));
    const second = await service.ensure();
    expect(second.python).not.toBe(first.python);
    expect(JSON.parse(readFileSync(stampFile(), "utf8"))).toEqual({
      ...JSON.parse(stamp),
      folder: path.basename(path.dirname(path.dirname(second.python))),
    });
    expect(environments()).toHaveLength(1);

    expect((await service.ensure({ anew: true })).python).not.toBe(second.python);
  });

  test("makes way a week after its last use once something else is asked for; what is being made stays", async () => {
    let now = Date.now();
    const days = (count: number) => {
      now += count * 24 * 60 * 60 * 1000;
    };
    const service = () => new PythonService({ ...options(offline()), now: () => now });
    const old = await service().ensure();
    const oldFolder = path.basename(path.dirname(path.dirname(old.python)));
    writeFileSync(path.join(root, "requirements-cpu.txt"), "tiny_two==1.0\ntiny_one==1.0\n");
    const present = await service().ensure();
    const folder = path.join(root, "data", "python");
    // Left by processes that were killed, one of which goes on; and what is not ours.
    for (const name of ["aaaaaaaaaaaaaaaa-00000001", "bbbbbbbbbbbbbbbb-00000002", "mine"])
      mkdirSync(path.join(folder, name));
    const release = tryLockFile(path.join(folder, "bbbbbbbbbbbbbbbb.lock"));

    expect(await service().prune()).toEqual(["aaaaaaaaaaaaaaaa-00000001"]);
    days(6);
    expect(await service().prune()).toEqual([]);
    days(2);
    expect(await service().find()).toEqual(present);
    expect(await service().prune()).toEqual([oldFolder]);
    release?.();
    expect(await service().prune()).toEqual(["bbbbbbbbbbbbbbbb-00000002"]);
    const left = environments().map(({ name }) => name);
    expect(left.toSorted()).toEqual([path.basename(path.dirname(path.dirname(present.python))), "mine"].toSorted());
    expect(await service().find()).toEqual(present);
  });

  test("that is used stays, whatever else is asked for", async () => {
    let now = Date.now();
    const service = () => new PythonService({ ...options(offline()), now: () => now });
    const made = await service().ensure();
    now += 6 * 24 * 60 * 60 * 1000;
    expect(await service().find()).toEqual(made);
    now += 6 * 24 * 60 * 60 * 1000;
    writeFileSync(path.join(root, "requirements-cpu.txt"), "tiny_one==1.0\n");
    expect(await service().prune()).toEqual([]);
  });

  test("is made by one of two processes, and waited for by the other", async () => {
    const script = `
      const { PythonService } = await import(process.argv[1]);
      const phases = [];
      const made = await new PythonService(JSON.parse(process.argv[2])).ensure({ onProgress: (event) => phases.push(event.phase) });
      console.log(JSON.stringify({ python: made.python, phases: [...new Set(phases)] }));
    `;
    const service = fileURLToPath(new URL("./index.ts", import.meta.url));
    const start = async () => {
      const args = ["--input-type=module", "-e", script, service, JSON.stringify(options(offline()))];
      const { stdout } = await promisify(execFile)(process.execPath, args);
      return JSON.parse(stdout) as { python: string; phases: string[] };
    };
    const results = await Promise.all([start(), start()]);
    expect(new Set(results.map((result) => result.python)).size).toBe(1);
    const [waited, made] = results.map((result) => result.phases).sort((left, right) => left.length - right.length);
    expect(waited).toEqual(["wait"]);
    expect(made?.filter((phase) => phase !== "wait")).toEqual(PHASES);
    expect(environments()).toHaveLength(1);
  });

  test("that is cancelled leaves nothing: no process, no folder, no lock", async () => {
    const controller = new AbortController();
    const index = await packageIndex({ now: "stall" }, () => controller.abort());
    const service = new PythonService(options(index.env));
    await expect(service.ensure({ signal: controller.signal })).rejects.toMatchObject({ name: "AbortError" });
    await index.stalledClosed;
    expect(environments()).toEqual([]);
    expect((await new PythonService(options(offline())).ensure()).versions.tiny_one).toBe("1.0");
  });

  test("goes on after a broken download without fetching again what was complete", async () => {
    const mode: { now: "break" | "serve" } = { now: "break" };
    const index = await packageIndex(mode);
    const service = new PythonService(options(index.env));
    await expect(service.ensure()).rejects.toMatchObject({
      code: "python_setup_failed",
      message: expect.stringMatching(/^The Python packages could not be installed: /),
      hint: expect.stringContaining("finished downloads are kept"),
    });
    expect(environments()).toEqual([]);

    mode.now = "serve";
    const before = index.requests.length;
    expect((await service.ensure()).versions.tiny_one).toBe("1.0");
    const files = index.requests.slice(before).filter((url) => url.startsWith("/files/"));
    expect(files).toEqual(["/files/tiny_two-1.0-py3-none-any.whl"]);
  });

  test("says which package has no build, that the disk is too full, and which folder cannot be used", async () => {
    writeFileSync(path.join(root, "requirements-cpu.txt"), "tiny_one==2.0\n");
    await expect(new PythonService(options(offline())).ensure()).rejects.toMatchObject({
      code: "python_setup_failed",
      message: "The Python packages could not be installed: No matching distribution found for tiny_one==2.0",
      hint: expect.stringContaining("There may be no build of tiny_one==2.0 for this system"),
    });
    const full = new PythonService({ ...options(offline()), requiredBytes: 1e18 });
    await expect(full.ensure()).rejects.toMatchObject({
      code: "disk_full",
      message: expect.stringContaining("needs 1,000,000,000,000 MB of disk space"),
      hint: "Free some space, or set CRUSADER_HOME to a folder on another disk.",
    });
    const file = path.join(root, "requirements-cpu.txt");
    const blocked = new PythonService({ ...options(offline()), dataFolder: file });
    await expect(blocked.ensure()).rejects.toMatchObject({
      code: "data_folder",
      message: expect.stringContaining("cannot be used: "),
    });
  });

  test("may be one's own, which is checked and not changed", async () => {
    const python = base?.executable ?? "";
    const given = (CRUSADER_PYTHON_ENV: string, packages: string[]) =>
      new PythonService({ ...options({ ...offline(), CRUSADER_PYTHON_ENV }), packages }).ensure();
    expect(await given(python, ["pip"])).toEqual({
      python,
      versions: { python: base?.version, pip: expect.stringMatching(/^\d/) },
    });
    await expect(given(python, ["pip", "tiny_one"])).rejects.toMatchObject({
      code: "python_setup_failed",
      message: "The environment that CRUSADER_PYTHON_ENV names lacks tiny_one.",
    });
    await expect(given(path.join(root, "nothing"), ["pip"])).rejects.toMatchObject({ code: "python_missing" });
    mkdirSync(path.join(root, "data"), { recursive: true });
    expect(readdirSync(path.join(root, "data"))).toEqual([]);
  });
});
