// Which of the parts that tests use this machine has. A test that lacks one skips with the reason "needs <part>: why".
import { execFileSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import path from "node:path";
import process from "node:process";

/** What `CRUSADER_REQUIRE` may name. */
export const PARTS = /** @type {const} */ (["sandbox", "python", "docker", "browser"]);
/** @typedef {typeof PARTS[number]} Part */
/** @typedef {{ program: string } | { missing: string }} Found A program that works, or why there is none. */

const PROBE_TIMEOUT_MS = 20_000;

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

/** @returns {Found} A Chromium. */
export function findBrowser() {
  const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
  const program = names.map(onPath).find((found) => found !== null);
  if (!program) return { missing: "no Chromium is installed (Debian: apt install chromium)" };
  return works(program, ["--version"]);
}

/**
 * @param {string} program
 * @param {string[]} args
 * @returns {Found}
 */
function works(program, args) {
  try {
    execFileSync(program, args, { stdio: ["ignore", "ignore", "pipe"], timeout: PROBE_TIMEOUT_MS });
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
