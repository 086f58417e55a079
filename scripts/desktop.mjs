// Whether this machine can show the desktop window, and Electron's binary, which its npm package fetches by itself.
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { ROOT, run } from "./bootstrap.mjs";
import { findElectron } from "./machine.mjs";

const INSTALLER = path.join(ROOT, "node_modules/electron/install.js");
/** Says that the binary could not be fetched, so that not every start waits for it. */
const FAILED = path.join(ROOT, "node_modules/.cache/crusader/electron-not-fetched");
const TRY_AGAIN_AFTER_MS = 24 * 60 * 60 * 1000;

/**
 * Why no window can be shown here; null where one can.
 *
 * @param {NodeJS.Platform} platform
 * @param {NodeJS.ProcessEnv} env
 * @param {number | undefined} userId
 * @returns {string | null}
 */
export function displayProblem(platform, env, userId) {
  if (env.SSH_CONNECTION || env.SSH_TTY) return "this is an SSH session, and the screen is at its other end";
  if (platform !== "linux") return null;
  if (!env.DISPLAY && !env.WAYLAND_DISPLAY) return "there is no display";
  return userId === 0 ? "Electron's sandbox does not run as root" : null;
}

/**
 * Electron's binary, fetched where it is missing (about 120 MB, once).
 *
 * @returns {Promise<{ program: string } | { missing: string }>}
 */
export async function prepareElectron() {
  const found = findElectron();
  if ("program" in found) return found;
  const failedAt = statSync(FAILED, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (Date.now() - failedAt < TRY_AGAIN_AFTER_MS) {
    const why = readFileSync(FAILED, "utf8");
    return { missing: `${why} (npx install-electron tries it again; so does npm start, a day later)` };
  }
  process.stderr.write("Fetching Electron for the desktop window (about 120 MB, once)\n");
  const code = existsSync(INSTALLER) ? await run(process.execPath, [INSTALLER], { timeout: 600_000 }) : 1;
  const fetched = findElectron();
  if (code === 0 && "program" in fetched) {
    rmSync(FAILED, { force: true });
    return fetched;
  }
  const why = "Electron could not be fetched";
  mkdirSync(path.dirname(FAILED), { recursive: true });
  writeFileSync(FAILED, why);
  return { missing: why };
}
