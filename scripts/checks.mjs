// The checks that `npm run check` and `npm test` run: format, lint, types, layers, addresses, and the Python side's lint.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { ROOT, run } from "./bootstrap.mjs";

/** @typedef {{ name: string, state: "passed" | "failed" | "skipped", reason: string }} CheckResult */

/**
 * Runs every check, each to its end, and prints what it finds.
 *
 * @param {{ python: string } | { missing: string }} python Has ruff; without one the Python checks are skipped.
 * @param {{ fix?: boolean }} [options]
 * @returns {Promise<CheckResult[]>}
 */
export async function runChecks(python, { fix = false } = {}) {
  const node =
    (/** @type {string} */ tool, /** @type {string[]} */ ...args) =>
    () =>
      run(process.execPath, [path.join(ROOT, "node_modules", tool), ...args]);
  const folders = ["simulator-image", "templates", "bench", "app"].filter((folder) =>
    existsSync(path.join(ROOT, folder)),
  );
  const ruff = (/** @type {string[]} */ ...args) =>
    "python" in python ? () => run(python.python, ["-m", "ruff", ...args, ...folders]) : null;
  /** @type {[string, (() => Promise<number>) | null][]} */
  const checks = [
    [
      "format and lint",
      node("@biomejs/biome/bin/biome", "check", "--error-on-warnings", ...(fix ? ["--write"] : []), "."),
    ],
    ["types", node("typescript/bin/tsc", "-p", ".")],
    ["types of the window", node("typescript/bin/tsc", "-p", "app/renderer")],
    ["layers", checkLayers],
    ["addresses and lockfile", checkAddresses],
    ["Python lint", ruff("check", ...(fix ? ["--fix"] : []))],
    ["Python format", ruff("format", ...(fix ? [] : ["--check"]))],
  ];
  /** @type {CheckResult[]} */
  const results = [];
  for (const [name, check] of checks) {
    if (check === null) {
      results.push({ name, state: "skipped", reason: `needs python: ${"missing" in python ? python.missing : ""}` });
      continue;
    }
    process.stdout.write(`\n== check: ${name}\n`);
    const code = await check();
    if (code !== 0) process.stdout.write(`check failed: ${name}\n`);
    results.push({ name, state: code === 0 ? "passed" : "failed", reason: "" });
  }
  return results;
}

async function checkLayers() {
  const { layerViolations } = await import("./layers.mjs");
  const violations = sources(["app", "bin", "scripts", "bench", "e2e"], /\.(?:ts|tsx|mjs)$/).flatMap(({ file, text }) =>
    layerViolations(file, text),
  );
  for (const { file, line, imported, reason } of violations) {
    process.stdout.write(`${file}:${line}: imports "${imported}": ${reason}\n`);
  }
  return violations.length === 0 ? 0 : 1;
}

async function checkAddresses() {
  const { ADDRESSES_FILE, lockfileProblems, outsideAddresses } = await import("./layers.mjs");
  const found = sources(["app", "bin", "scripts", "simulator-image"], /./)
    // Tests name addresses that break rules; the product fetches nothing from them.
    .filter(({ file }) => !file.endsWith(".test.ts"))
    .flatMap(({ file, text }) => outsideAddresses(file, text));
  for (const { file, line, address } of found) {
    process.stdout.write(`${file}:${line}: ${address}: outside addresses live in ${ADDRESSES_FILE}\n`);
  }
  const problems = lockfileProblems(JSON.parse(readFileSync(path.join(ROOT, "package-lock.json"), "utf8")));
  for (const problem of problems) process.stdout.write(`package-lock.json: ${problem}\n`);
  return found.length + problems.length === 0 ? 0 : 1;
}

/**
 * The repository's text files in `folders` whose path matches; without git, as a downloaded copy has none.
 *
 * @param {readonly string[]} folders
 * @param {RegExp} pattern
 */
function sources(folders, pattern) {
  return folders
    .filter((folder) => existsSync(path.join(ROOT, folder)))
    .flatMap((folder) => readdirSync(path.join(ROOT, folder), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && pattern.test(entry.name) && !/__pycache__|\.\w+_cache/.test(entry.parentPath))
    .map((entry) => path.join(entry.parentPath, entry.name))
    .map((full) => ({
      file: path.relative(ROOT, full).split(path.sep).join("/"),
      text: readFileSync(full, "utf8"),
    }));
}
