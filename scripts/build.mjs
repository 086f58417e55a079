// `npm run build`: the window and the desktop app's processes, to dist/. `npm start` builds what is older than its sources.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { ROOT, run, runScript, ScriptError } from "./bootstrap.mjs";

const SOURCES = ["app", "package.json", "package-lock.json", "scripts/build.mjs", "scripts/electron-build.mjs"];
const STAMP = path.join(ROOT, "dist", "built-from");

/** Builds everything anew. Throws ScriptError where that fails. */
export async function build() {
  rmSync(STAMP, { force: true });
  const stamp = sourcesStamp();
  const vite = path.join(ROOT, "node_modules/vite/bin/vite.js");
  const env = { ...process.env, NODE_ENV: "production" };
  const config = ["--config", path.join(ROOT, "app/renderer/vite.config.ts"), "--logLevel", "warn"];
  const code = await run(process.execPath, [vite, "build", ...config], { env });
  if (code !== 0) throw new ScriptError("The window could not be built.", "What is wrong is said above.");
  const { buildElectron } = await import("./electron-build.mjs");
  await buildElectron();
  mkdirSync(path.dirname(STAMP), { recursive: true });
  writeFileSync(STAMP, stamp);
}

/** Builds only where a source changed since the last build. */
export async function buildWhereNeeded() {
  if (existsSync(STAMP) && readFileSync(STAMP, "utf8") === sourcesStamp()) return;
  process.stderr.write("Building the window (once, and after an update)\n");
  await build();
}

/** Changes with any source's name, size or time of change. */
function sourcesStamp() {
  const hash = createHash("sha256");
  const add = (/** @type {string} */ file) => {
    const { size, mtimeMs } = statSync(file);
    hash.update(`${path.relative(ROOT, file)} ${size} ${mtimeMs}\n`);
  };
  for (const source of SOURCES.map((name) => path.join(ROOT, name))) {
    if (!statSync(source).isDirectory()) add(source);
    else {
      const entries = readdirSync(source, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
      for (const file of entries.map((entry) => path.join(entry.parentPath, entry.name)).sort()) add(file);
    }
  }
  return hash.digest("hex");
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  await runScript(import.meta.url, async () => {
    await build();
    return 0;
  });
}
