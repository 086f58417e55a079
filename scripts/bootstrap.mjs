// What start, test and check do before anything else: node packages as the lockfile says, and Node 24.
// Runs on any Node from 18, before anything is installed, so it imports nothing but Node's own modules.
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("..", import.meta.url));
const NODE_MAJOR = 24;
const BUNDLED_NODE = path.join(ROOT, "node_modules", "node", "bin", process.platform === "win32" ? "node.exe" : "node");

/** What a person can act on: ends the script with one sentence and what to do. */
export class ScriptError extends Error {
  /**
   * @param {string} message What happened.
   * @param {string} hint What to do.
   */
  constructor(message, hint) {
    super(message);
    this.hint = hint;
  }
}

/**
 * Runs a script's main function on Node 24 with all node packages in place, and exits with what it returns.
 *
 * @param {string} script The script's `import.meta.url`.
 * @param {() => Promise<number>} main
 */
export async function runScript(script, main) {
  try {
    if (!packagesUpToDate(readLock("package-lock.json"), readLock("node_modules/.package-lock.json"))) {
      await installPackages();
    }
    if (currentMajor() >= NODE_MAJOR) {
      process.exitCode = await main();
      return;
    }
    if (!existsSync(BUNDLED_NODE)) {
      throw new ScriptError(
        `Crusader needs Node ${NODE_MAJOR}; this is Node ${process.versions.node}, and the npm package "node" brought none.`,
        `Run \`npm rebuild node\`, or install Node ${NODE_MAJOR} yourself, then try again.`,
      );
    }
    process.exitCode = await run(BUNDLED_NODE, [fileURLToPath(script), ...process.argv.slice(2)]);
  } catch (error) {
    if (!(error instanceof ScriptError)) throw error;
    process.stderr.write(`error: ${error.message}\nhint: ${error.hint}\n`);
    process.exitCode = 3;
  }
}

/**
 * Whether what npm says it installed is what the lockfile asks for; packages for other systems may be absent.
 *
 * @typedef {{ packages?: Record<string, { version?: string, optional?: boolean }> }} Lock
 * @param {Lock | null} wanted package-lock.json
 * @param {Lock | null} installed node_modules/.package-lock.json
 */
export function packagesUpToDate(wanted, installed) {
  if (wanted?.packages === undefined || installed?.packages === undefined) return false;
  const present = installed.packages;
  return Object.entries(wanted.packages).every(
    ([name, { version, optional }]) =>
      name === "" || present[name]?.version === version || (optional === true && present[name] === undefined),
  );
}

/**
 * @param {string} file
 * @returns {Lock | null}
 */
function readLock(file) {
  const full = path.join(ROOT, file);
  return existsSync(full) ? JSON.parse(readFileSync(full, "utf8")) : null;
}

async function installPackages() {
  process.stderr.write("Installing Node packages (once, and after an update)\n");
  // npm's own file, where npm runs us: it needs no shell, on Windows too.
  const npm = process.env.npm_execpath;
  // At this level npm keeps to itself that the tests' packages want a newer Node than the one it runs on.
  const args = ["ci", "--no-audit", "--no-fund", "--loglevel=error"];
  const code = npm?.endsWith(".js")
    ? await run(process.execPath, [npm, ...args])
    : await run("npm", args, { shell: process.platform === "win32" });
  if (code !== 0) {
    throw new ScriptError(
      `The Node packages could not be installed: npm ended with ${code}.`,
      "npm's message is above. Check the connection and the free disk space, then try again.",
    );
  }
}

function currentMajor() {
  return Number.parseInt(process.versions.node, 10);
}

/**
 * Runs a program in the repository with this terminal, to its end. Ctrl-C reaches it from the terminal; this process
 * waits for what it makes of it.
 *
 * @param {string} program
 * @param {readonly string[]} args
 * @param {import("node:child_process").SpawnOptions} [options]
 * @returns {Promise<number>} Its exit status; 128 + the signal's number when a signal ended it.
 */
export function run(program, args, options = {}) {
  const child = spawn(program, args, { cwd: ROOT, stdio: "inherit", ...options });
  const ignore = () => {};
  const pass = () => child.kill("SIGTERM");
  process.on("SIGINT", ignore);
  process.on("SIGTERM", pass);
  return new Promise((resolve, reject) => {
    child.on("error", (error) => {
      reject(new ScriptError(`${program} could not be started: ${error.message}`, "Check that it is installed."));
    });
    child.on("close", (code, signal) => {
      process.off("SIGINT", ignore);
      process.off("SIGTERM", pass);
      resolve(code ?? 128 + (signal === null ? 0 : os.constants.signals[signal]));
    });
  });
}

/**
 * As `run`, with what the program prints on stdout returned instead of shown.
 *
 * @param {string} program
 * @param {readonly string[]} args
 */
export async function runForOutput(program, args) {
  const child = spawn(program, args, { cwd: ROOT, stdio: ["inherit", "pipe", "inherit"] });
  let output = "";
  child.stdout?.on("data", (part) => {
    output += part;
  });
  const code = await new Promise((resolve) => child.on("close", resolve).on("error", () => resolve(null)));
  return { code, output };
}

/** The path of the `crusader` command. */
export const CRUSADER = path.join(ROOT, "bin", "crusader.mjs");

/**
 * The managed Python environment with what tests need, made first where it is missing.
 *
 * @returns {Promise<{ python: string } | { missing: string }>} The interpreter, or why there is none.
 */
export async function preparePython() {
  const { code, output } = await runForOutput(process.execPath, [CRUSADER, "setup", "--with-test", "--json"]);
  const answer = output.startsWith("{") ? JSON.parse(output) : {};
  if (code === 0) return { python: answer.python };
  return { missing: answer.error?.message ?? `crusader setup ended with ${code}` };
}
