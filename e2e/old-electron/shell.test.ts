/**
 * The desktop shell on a real, if old, Electron (9.4.1: Chromium 83, Node 12), which a Python package brings: opens, hands
 * over ports, survives its services, and refuses what a page could try. The window itself needs today's Electron:
 * e2e/electron.test.ts.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import { expect, onTestFinished, test } from "vitest";
import { RunStore } from "../../app/main/services/runs/index.ts";
import { findOldElectron } from "../../scripts/machine.mjs";

const here = (file: string) => fileURLToPath(new URL(file, import.meta.url));

async function bundle(input: string, file: string, format: "cjs" | "iife"): Promise<void> {
  const inMain = input.endsWith("probe.ts");
  const built = await rolldown({
    input,
    platform: inMain ? "node" : "browser",
    external: inMain ? [/^node:/, "electron-9"] : ["electron"],
    ...(inMain ? { resolve: { alias: { electron: here("shim.ts") } } } : {}),
    // Node 12 and Chromium 83 know no private methods.
    transform: { target: "es2019" },
  });
  const { output } = await built.generate({ format, codeSplitting: false });
  await built.close();
  const code = output.map((piece) => (piece.type === "chunk" ? piece.code : "")).join("");
  // Node 12 knows its own modules by their plain names only.
  writeFileSync(file, code.replaceAll('"node:', '"').replaceAll('require("electron-9")', 'require("electron")'));
}

test("the shell opens, connects, comes back after a crash, and refuses the rest", async (context) => {
  const old = findOldElectron();
  if ("missing" in old) return context.skip(`needs oldelectron: ${old.missing}`);
  const folder = mkdtempSync(path.join(tmpdir(), "crusader-shell-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const renderer = path.join(folder, "renderer");
  mkdirSync(renderer);
  const app = path.join(folder, "app");
  mkdirSync(app);
  writeFileSync(path.join(app, "package.json"), JSON.stringify({ name: "probe", main: "main.js" }));
  writeFileSync(
    path.join(renderer, "index.html"),
    '<!doctype html><title>Probe</title><body><script src="page.js"></script>',
  );
  const preload = path.join(app, "preload.js");
  await bundle(here("probe.ts"), path.join(app, "main.js"), "cjs");
  await bundle(here("../../app/preload/preload.ts"), preload, "cjs");
  await bundle(here("page.ts"), path.join(renderer, "page.js"), "iife");
  // The sandbox of Chromium 83 knows no calls of today's C library, so the operating system's part of it stays off here.
  const child = spawn(old.display, ["--auto-servernum", old.program, "--no-sandbox", "--disable-gpu", app], {
    timeout: 50_000,
    env: {
      PATH: process.env.PATH,
      HOME: folder,
      TMPDIR: folder,
      CRUSADER_HOME: path.join(folder, "data"),
      PROBE_FOLDER: folder,
      PROBE_RENDERER: renderer,
      PROBE_PRELOAD: preload,
      PROBE_SERVICE: here("service.ts"),
      PROBE_PARENT_PORT: here("parent-port.ts"),
      PROBE_NODE: process.execPath,
    },
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let output = "";
  child.stdout.on("data", (said) => (output += said));
  let complaints = "";
  child.stderr.on("data", (said) => (complaints += said));
  const [code] = await once(child, "exit");
  const line = output.split("\n").find((one) => one.startsWith("{")) ?? "{}";
  expect(JSON.parse(line), complaints).toEqual({
    electron: "9.4.1",
    bridge: { keys: ["connect"], types: ["function"], globals: [] },
    versions: ["crusader", "node"],
    unlisted: ["unsupported", "internal", "usage"],
    choose: "string",
    permissions: ["denied", "denied"],
    foreign: {
      fetched: "TypeError",
      bridgeInFrame: false,
      injected: false,
      blocked: ["connect-src", "frame-src", "script-src-elem"],
    },
    stays: [true, true, true, true, true],
    openedOutside: ["https://github.com/"],
    portsOfAnotherWindow: 0,
    run: { state: "interrupted", numbers: [1] },
    children: 2,
  });
  expect(code).toBe(0);
  const store = new RunStore({ dataFolder: path.join(folder, "data") });
  onTestFinished(() => store.close());
  expect([store.show("1").state, store.show("2").state]).toEqual(["interrupted", "cancelled"]);
});
