#!/usr/bin/env node
// The `crusader` command. Plain JavaScript that any Node runs: an older Node cannot even read the TypeScript behind
// it, so there this starts itself again on the Node 24 that `npm ci` brought.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import module from "node:module";
import os from "node:os";
import process from "node:process";
import { fileURLToPath } from "node:url";

const NODE_MAJOR = 24;

// `npm run crusader` runs in the repository; the paths a person types are relative to where they stood.
const { npm_package_name, npm_lifecycle_event, INIT_CWD } = process.env;
if (npm_package_name === "crusader" && npm_lifecycle_event === "crusader" && INIT_CWD !== undefined) {
  process.chdir(INIT_CWD);
  // What this command starts stands here too.
  delete process.env.npm_lifecycle_event;
}

if (Number.parseInt(process.versions.node, 10) >= NODE_MAJOR) {
  // Halves the time to the first word. In a folder of our own: what is cached there is run.
  module.enableCompileCache(fileURLToPath(new URL("../node_modules/.cache/crusader", import.meta.url)));
  const { runProcess } = await import("../app/main/cli/main.ts");
  await runProcess();
} else {
  const program = process.platform === "win32" ? "node.exe" : "node";
  const bundled = fileURLToPath(new URL(`../node_modules/node/bin/${program}`, import.meta.url));
  if (!existsSync(bundled)) {
    process.stderr.write(
      `error: Crusader needs Node ${NODE_MAJOR}; this is Node ${process.versions.node}.\n` +
        "hint: run `npm ci` in Crusader's folder, which brings it along.\n",
    );
    process.exit(3);
  }
  const child = spawn(bundled, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: "inherit" });
  // A terminal sends Ctrl-C to both; the child decides what it means. Other signals reach only this process.
  process.on("SIGINT", () => {});
  for (const signal of /** @type {const} */ (["SIGTERM", "SIGHUP"])) process.on(signal, () => child.kill(signal));
  child.on("exit", (code, signal) => process.exit(code ?? 128 + (signal ? os.constants.signals[signal] : 0)));
}
