// electron-builder.yml: held to the packager's own schema, and packaged for real, with a stand-in for Electron's binary.
import { once } from "node:events";
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { extractAll, extractFile, listPackage } from "@electron/asar";
import { FuseV1Options, getCurrentFuseWire } from "@electron/fuses";
import { Ajv } from "ajv";
import { build, Platform } from "electron-builder";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { resourceRoot } from "../app/main/router/resources.ts";
import type { ScanRequest } from "../app/main/services/scan/worker.ts";
import { buildElectron } from "../scripts/electron-build.mjs";
import { ICNS_SIZES, ICO_SIZES, icns, ico, LINUX_SIZES } from "../scripts/icon-files.mjs";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const require = createRequire(import.meta.url);
const read = (file: string) => readFileSync(path.join(ROOT, file));

interface Resource {
  from: string;
  to: string;
}
const configuration = parse(read("electron-builder.yml").toString());
const packageJson = JSON.parse(read("package.json").toString());

describe("electron-builder.yml", () => {
  test("is what the packager's schema allows", () => {
    const schema = require("app-builder-lib/scheme.json");
    // The schema carries keywords for editors.
    const ajv = new Ajv({ strict: false, allErrors: true });
    ajv.validate(schema, configuration);
    expect(ajv.errors ?? []).toEqual([]);
    expect(ajv.validate(schema, { ...configuration, asarUnpacked: [] })).toBe(false);
  });

  test("names only what is there, or what the build makes", () => {
    const resources: Resource[] = configuration.extraResources;
    const inBuild = [configuration.linux.icon, configuration.mac.icon, configuration.win.icon];
    const named: string[] = [
      ...configuration.files.filter((pattern: string) => !pattern.startsWith("!") && !pattern.startsWith("dist/")),
      ...configuration.asarUnpack,
      ...resources.map(({ from }) => from),
      ...inBuild.map((file) => path.posix.join(configuration.directories.buildResources, file)),
      configuration.mac.entitlements,
      configuration.mac.entitlementsInherit,
      configuration.nsis.include,
    ];
    expect(named.filter((pattern) => globSync(pattern, { cwd: ROOT }).length === 0)).toEqual([]);
    expect(configuration.files.filter((pattern: string) => pattern.startsWith("dist/"))).toEqual([
      "dist/electron/**",
      "dist/renderer/**",
    ]);
  });

  test("calls the app on Windows what it calls itself", () => {
    const [, name] = /setAppUserModelId\("([^"]+)"\)/.exec(read("app/main/hosts/electron/entry.ts").toString()) ?? [];
    expect(configuration.appId).toBe(name);
  });

  test("signs, publishes and associates nothing that it should not", () => {
    expect([configuration.publish, configuration.win.fileAssociations, configuration.fileAssociations]).toEqual([
      null,
      undefined,
      undefined,
    ]);
    expect(configuration.mac.fileAssociations).toEqual([
      { ext: "py", name: "Python source", role: "Editor", rank: "Alternate" },
    ]);
  });
});

describe("icons", () => {
  const PNG = Buffer.from("89504e470d0a1a0a", "hex");
  const pngSize = (png: Buffer) => [png.subarray(0, 8).equals(PNG), png.readUInt32BE(16), png.readUInt32BE(20)];

  test("Linux has a picture of each size", () => {
    for (const size of LINUX_SIZES) {
      expect(pngSize(read(`build/icons/${size}x${size}.png`))).toEqual([true, size, size]);
    }
  });

  test("the Windows file holds a picture of each size, where its table says", () => {
    const file = read("build/icon.ico");
    const entries = ICO_SIZES.map((_, index) => {
      const entry = 6 + 16 * index;
      const offset = file.readUInt32LE(entry + 12);
      return pngSize(file.subarray(offset, offset + file.readUInt32LE(entry + 8)));
    });
    expect(entries).toEqual(ICO_SIZES.map((size) => [true, size, size]));
  });

  test("the macOS file holds a picture of each size, block by block", () => {
    const file = read("build/icon.icns");
    expect([file.toString("ascii", 0, 4), file.readUInt32BE(4)]).toEqual(["icns", file.length]);
    const sizes = new Set<unknown>();
    for (let offset = 8; offset < file.length; offset += file.readUInt32BE(offset + 4)) {
      const [isPng, width, height] = pngSize(file.subarray(offset + 8));
      expect([isPng, height]).toEqual([true, width]);
      sizes.add(width);
    }
    expect([...sizes].sort((left, right) => Number(left) - Number(right))).toEqual(ICNS_SIZES);
  });

  test("a missing picture is no smaller file", () => {
    const pictures = new Map([[16, Buffer.from("png")]]);
    expect(() => ico(pictures)).toThrow("There is no picture of 24 pixels.");
    expect(() => icns(pictures)).toThrow("There is no picture of 32 pixels.");
  });
});

describe("a package", () => {
  // Where Electron's binary keeps its fuses: a mark, the version of the list, its length, a character each.
  const FUSES = Buffer.concat([
    Buffer.from("dL7pKGdnNz796PbbjQWNKmHXBZaB9tsX"),
    Buffer.from([1, 8]),
    Buffer.from("10110101"),
  ]);
  let project: string;
  let packaged: string;
  let archive: string;

  beforeAll(async () => {
    project = mkdtempSync(path.join(os.tmpdir(), "crusader-package-"));
    const put = (file: string, content: string | Buffer) => {
      mkdirSync(path.dirname(path.join(project, file)), { recursive: true });
      writeFileSync(path.join(project, file), content, { mode: 0o755 });
    };
    for (const name of ["LICENSE", "build", "hparams", "templates", "simulator-image", "node_modules/pyodide"]) {
      cpSync(path.join(ROOT, name), path.join(project, name), { recursive: true });
    }
    put("package.json", JSON.stringify(packageJson));
    await buildElectron(path.join(project, "dist/electron"));
    put("dist/electron/main.js.map", "{}");
    put("dist/renderer/index.html", "<!doctype html>\n");
    put("dist/renderer/.vite/manifest.json", "{}");
    put("node_modules/ws/package.json", JSON.stringify({ name: "ws", version: packageJson.dependencies.ws }));
    put("simulator-image/crusades_eval/__pycache__/scan.pyc", "");
    put("stand-in/electron", FUSES);
    mkdirSync(path.join(project, "stand-in/resources"));
    await build({
      projectDir: project,
      targets: Platform.LINUX.createTarget("dir"),
      publish: "never",
      config: {
        ...configuration,
        electronDist: path.join(project, "stand-in"),
        electronVersion: packageJson.devDependencies.electron,
      },
    });
    packaged = path.join(project, "dist/packages/linux-unpacked");
    archive = path.join(packaged, "resources/app.asar");
  });
  afterAll(() => rmSync(project, { recursive: true, force: true }));

  test("holds the built app and nothing else of the repository", () => {
    const entries = listPackage(archive, { isPack: true }).map((line) =>
      line.replace(/\s+/g, " ").replaceAll("\\", "/"),
    );
    const isFolder = (entry: string) => entries.some((other) => other.includes(`${entry.split(" : ")[1]}/`));
    const built = readdirSync(path.join(project, "dist/electron")).filter((file) => !file.endsWith(".map"));
    expect(built).toEqual(expect.arrayContaining(["main.js", "preload.cjs", "service-process.js", "worker.js"]));
    expect(entries.filter((entry) => !isFolder(entry)).sort()).toEqual(
      [
        "pack : /LICENSE",
        ...built.map((file) => `pack : /dist/electron/${file}`),
        "pack : /dist/renderer/index.html",
        "pack : /package.json",
        "unpack : /node_modules/pyodide/package.json",
        "unpack : /node_modules/pyodide/pyodide-lock.json",
        "unpack : /node_modules/pyodide/pyodide.asm.js",
        "unpack : /node_modules/pyodide/pyodide.asm.wasm",
        "unpack : /node_modules/pyodide/pyodide.mjs",
        "unpack : /node_modules/pyodide/python_stdlib.zip",
      ].sort(),
    );
    const inside = JSON.parse(extractFile(archive, "package.json").toString());
    expect([inside.name, inside.main, inside.scripts, inside.devDependencies]).toEqual([
      "crusader",
      "dist/electron/main.js",
      undefined,
      undefined,
    ]);
  });

  test("has what Python reads as files, found from the code in the archive", () => {
    const root = resourceRoot(pathToFileURL(path.join(archive, "dist/electron/services.js")).href);
    expect(root).toBe(path.join(packaged, "resources"));
    const files = (folder: string) => globSync("**/*.*", { cwd: folder }).sort();
    for (const folder of ["hparams", "templates", "simulator-image/crusades_eval"]) {
      const source = files(path.join(ROOT, folder)).filter((file) => !file.includes("__pycache__"));
      expect(files(path.join(root, folder))).toEqual(source);
    }
    expect(existsSync(path.join(root, "simulator-image/requirements-cpu.txt"))).toBe(true);
    expect(existsSync(path.join(root, "simulator-image/tests"))).toBe(false);
  });

  test("scans in the built thread with the Python it carries, outside of any node_modules of ours", async () => {
    // Electron shows code a folder where the archive is; so does this, for plain Node.
    const resources = path.join(project, "as-electron-shows-it");
    const application = path.join(resources, "app.asar");
    extractAll(archive, application);
    for (const folder of ["hparams", "simulator-image"]) {
      cpSync(path.join(packaged, "resources", folder), path.join(resources, folder), { recursive: true });
    }
    const thread = path.join(application, "dist/electron/worker.js");
    const root = resourceRoot(pathToFileURL(thread).href);
    expect(root).toBe(resources);
    const policyJson = readFileSync(path.join(root, "hparams/scan-policy.json"), "utf8");
    const worker = new Worker(thread, {
      workerData: { packageFolder: path.join(root, "simulator-image/crusades_eval"), policyJson },
    });
    expect(await once(worker, "message")).toEqual([{ kind: "ready" }]);
    const source = Buffer.from("import os\n");
    worker.postMessage({ kind: "scan", source, numGpus: null, policyJson } satisfies ScanRequest);
    const [{ reportJson }] = await once(worker, "message");
    await worker.terminate();
    expect(JSON.parse(reportJson).verdict).toEqual({ ok: false, kind: "security", line: 1, rule: "forbidden-module" });
  });

  test("has Electron's fuses set", async () => {
    const wire = await getCurrentFuseWire(path.join(packaged, "crusader"));
    // Each fuse is a character: "0", "1", or "r" for one that is gone.
    const on = (fuse: FuseV1Options) => String.fromCharCode(wire[fuse] ?? 0) === "1";
    expect({
      runAsNode: on(FuseV1Options.RunAsNode),
      cookieEncryption: on(FuseV1Options.EnableCookieEncryption),
      nodeOptions: on(FuseV1Options.EnableNodeOptionsEnvironmentVariable),
      inspect: on(FuseV1Options.EnableNodeCliInspectArguments),
      asarIntegrity: on(FuseV1Options.EnableEmbeddedAsarIntegrityValidation),
      onlyAsar: on(FuseV1Options.OnlyLoadAppFromAsar),
      ownSnapshot: on(FuseV1Options.LoadBrowserProcessSpecificV8Snapshot),
      filePrivileges: on(FuseV1Options.GrantFileProtocolExtraPrivileges),
    }).toEqual({
      runAsNode: false,
      cookieEncryption: true,
      nodeOptions: false,
      inspect: false,
      asarIntegrity: true,
      onlyAsar: true,
      ownSnapshot: false,
      filePrivileges: false,
    });
  });
});
