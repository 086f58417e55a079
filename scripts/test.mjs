// `npm test`: everything that can be tested on this machine, one suite after the other, then what was skipped and why.
//
// CRUSADER_REQUIRE=sandbox,python,docker,ssh,browser (or --require=...) names parts that must be there: then a missing one,
// or a test that skips for any reason an installation could mend, is a failure.
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import { preparePython, ROOT, run, runScript, ScriptError } from "./bootstrap.mjs";
import { runChecks } from "./checks.mjs";
import {
  findBrowser,
  findDocker,
  findElectron,
  findOldElectron,
  findSandbox,
  findSshServer,
  PARTS,
} from "./machine.mjs";
import { prepareTestImage } from "./test-image.mjs";
import { closing, readJunit } from "./totals.mjs";

/** @typedef {import("./totals.mjs").SuiteResult} SuiteResult */

await runScript(import.meta.url, async () => {
  const required = requiredParts();
  const python = await preparePython();
  const image = await testImage(python);
  if ("image" in image) process.env.CRUSADER_TEST_IMAGE = image.image;
  const reports = mkdtempSync(path.join(os.tmpdir(), "crusader-test-"));
  try {
    /** @type {SuiteResult[]} */
    const results = [];
    const suites = {
      check: () => check(python),
      vitest: () => vitest(python, reports),
      pytest: () => pytest(python, reports),
    };
    for (const [suite, runSuite] of Object.entries(suites)) {
      const started = performance.now();
      process.stdout.write(`\n==== ${suite}\n`);
      results.push({ suite, ...(await runSuite()), seconds: (performance.now() - started) / 1000 });
    }
    const found = {
      sandbox: findSandbox(),
      python,
      docker: image,
      ssh: findSshServer(),
      browser: findBrowser(),
      oldelectron: findOldElectron(),
      electron: findElectron(),
    };
    const missing = Object.entries(found).flatMap(([part, state]) =>
      "missing" in state ? [{ part, missing: state.missing }] : [],
    );
    const { text, failed } = closing(results, missing, required);
    process.stdout.write(`\n${text}\n`);
    return failed === 0 ? 0 : 1;
  } finally {
    rmSync(reports, { recursive: true });
  }
});

function requiredParts() {
  const option = process.argv.find((argument) => argument.startsWith("--require="))?.slice("--require=".length);
  const names = (option ?? process.env.CRUSADER_REQUIRE ?? "").split(",").filter((name) => name !== "");
  const unknown = names.filter((name) => !PARTS.some((part) => part === name));
  if (unknown.length > 0) {
    throw new ScriptError(`No such part: ${unknown.join(", ")}.`, `Parts that can be required: ${PARTS.join(", ")}.`);
  }
  return names;
}

/** @typedef {Awaited<ReturnType<typeof preparePython>>} Python */

/**
 * The image that tests with an engine run.
 *
 * @param {Python} python
 * @returns {Promise<{ image: string } | { missing: string }>}
 */
async function testImage(python) {
  const docker = findDocker();
  if ("missing" in docker) return docker;
  if ("missing" in python) return python;
  process.stdout.write("\n==== image of the tests (minutes at first, then kept)\n");
  const prepared = await prepareTestImage(docker, python);
  return "missing" in prepared ? { missing: `no image for the tests: ${prepared.missing}` } : prepared;
}

/** @param {Python} python */
async function check(python) {
  const results = await runChecks(python);
  const count = (/** @type {string} */ wanted) => results.filter(({ state }) => state === wanted).length;
  const skips = results
    .filter(({ state }) => state === "skipped")
    .map(({ name, reason }) => ({ name: `check > ${name}`, reason }));
  return { passed: count("passed"), failed: count("failed"), skips };
}

/**
 * @param {Python} python
 * @param {string} reports
 */
async function vitest(python, reports) {
  const file = path.join(reports, "vitest.json");
  const reporters = ["--reporter=default", "--reporter=./scripts/vitest-summary.mjs"];
  // The environment is there; tests with a data folder of their own use it, too, instead of making one each.
  const shared = "python" in python ? { CRUSADER_PYTHON_ENV: python.python } : {};
  const env = { ...process.env, ...shared, CRUSADER_VITEST_SUMMARY: file };
  const code = await run(process.execPath, [path.join(ROOT, "node_modules/vitest/vitest.mjs"), "run", ...reporters], {
    env,
  });
  /** @type {import("./vitest-summary.mjs").SuiteSummary} */
  const summary = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : { passed: 0, failed: 0, skips: [] };
  return failedAtLeastOnce(summary, code);
}

/**
 * @param {Python} python
 * @param {string} reports
 */
async function pytest(python, reports) {
  if ("missing" in python) {
    return { passed: 0, failed: 0, skips: [{ name: "pytest > all", reason: `needs python: ${python.missing}` }] };
  }
  const file = path.join(reports, "pytest.xml");
  const cwd = path.join(ROOT, "simulator-image");
  const code = await run(python.python, ["-m", "pytest", `--junitxml=${file}`], { cwd });
  const summary = existsSync(file) ? readJunit(readFileSync(file, "utf8")) : { passed: 0, failed: 0, skips: [] };
  return failedAtLeastOnce(summary, code);
}

/**
 * A runner that failed without a failed test (it crashed, or found no tests) counts as one failure.
 *
 * @template {{ failed: number }} T
 * @param {T} summary
 * @param {number} code
 */
function failedAtLeastOnce(summary, code) {
  return { ...summary, failed: code === 0 ? summary.failed : Math.max(summary.failed, 1) };
}
