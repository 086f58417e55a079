// What `npm test` prints at the end: a table of the suites, what was skipped and why, and one line of totals.
import { PARTS } from "./machine.mjs";

/**
 * @typedef {{ name: string, reason: string }} Skip
 * @typedef {{ suite: string, passed: number, failed: number, skips: Skip[], seconds: number }} SuiteResult
 */

/**
 * The part a skipped test lacks, as its reason or its title says: "needs docker: no engine answers"; null where none
 * is named.
 *
 * @param {Skip} skip
 */
export function neededPart({ name, reason }) {
  return /\bneeds ([a-z]+)\b/i.exec(`${reason} ${name}`)?.[1]?.toLowerCase() ?? null;
}

/** What no machine can be made to have by installing something; `checkout`: of the validator's repository, never ours to fetch. */
const NOT_INSTALLABLE = ["gpu", "windows", "macos", "posix", "root", "nonroot", "checkout"];

/**
 * Whether a skip is a failure. Where parts are required, a test may skip only for want of another part.
 *
 * @param {Skip} skip
 * @param {readonly string[]} required
 */
export function isForbidden(skip, required) {
  if (required.length === 0) return false;
  const part = neededPart(skip);
  if (part === null) return true;
  const known = NOT_INSTALLABLE.includes(part) || PARTS.some((name) => name === part);
  return required.includes(part) || !known;
}

/**
 * @param {readonly SuiteResult[]} results
 * @param {readonly { part: string, missing: string }[]} missing
 * @param {readonly string[]} required
 * @returns {{ text: string, failed: number }} The text ends with the line of totals, without a line end.
 */
export function closing(results, missing, required) {
  const rows = results.map(({ suite, passed, failed, skips, seconds }) => {
    const forbidden = skips.filter((skip) => isForbidden(skip, required)).length;
    return { suite, passed, failed: failed + forbidden, skipped: skips.length - forbidden, seconds };
  });
  const lines = [
    `${"suite".padEnd(8)}${["passed", "failed", "skipped", "seconds"].map((head) => head.padStart(9)).join("")}`,
  ];
  for (const { suite, passed, failed, skipped, seconds } of rows) {
    const cells = [passed, failed, skipped, seconds.toFixed(1)].map((cell) => String(cell).padStart(9));
    lines.push(`${suite.padEnd(8)}${cells.join("")}`);
  }

  const forbiddenParts = missing.filter(({ part }) => required.includes(part));
  const skips = results.flatMap((result) => result.skips);
  if (missing.length + skips.length > 0) lines.push("", "Missing or skipped:");
  for (const { part, missing: reason } of missing) {
    lines.push(`  ${required.includes(part) ? "FAILED " : ""}no ${part}: ${reason}`);
  }
  for (const skip of skips) {
    const mark = isForbidden(skip, required) ? "FAILED " : "";
    // A title may name what it needs, too.
    const reason = skip.reason || (neededPart(skip) === null ? "no reason given" : "");
    lines.push(`  ${mark}${skip.name}${reason === "" ? "" : `: ${reason}`}`);
  }
  if (forbiddenParts.length > 0) lines.push(`\nRequired here: ${required.join(", ")}.`);

  const sum = (/** @type {"passed" | "failed" | "skipped"} */ key) => rows.reduce((total, row) => total + row[key], 0);
  const failed = sum("failed") + forbiddenParts.length;
  lines.push("", `${sum("passed")} passed, ${failed} failed, ${sum("skipped")} skipped`);
  return { text: lines.join("\n"), failed };
}

/**
 * The counts and skips of a JUnit file as pytest writes it; an error in set-up or collection is a failure.
 *
 * @param {string} xml
 * @returns {{ passed: number, failed: number, skips: Skip[] }}
 */
export function readJunit(xml) {
  let passed = 0;
  let failed = 0;
  /** @type {Skip[]} */
  const skips = [];
  for (const [, attributes = "", body = ""] of xml.matchAll(/<testcase\b([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g)) {
    const skipped = /<skipped\b([^>]*)/.exec(body);
    if (/<(?:failure|error)\b/.test(body)) failed += 1;
    else if (skipped === null) passed += 1;
    else {
      const name = `${attribute(attributes, "classname")}::${attribute(attributes, "name")}`;
      skips.push({ name, reason: attribute(skipped[1] ?? "", "message") });
    }
  }
  return { passed, failed, skips };
}

/**
 * @param {string} attributes
 * @param {string} name
 */
function attribute(attributes, name) {
  const value = new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1] ?? "";
  /** @type {Record<string, string>} */
  const entities = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&", "#10": " " };
  return value.replaceAll(/&([\w#]+);/g, (whole, entity) => entities[entity] ?? whole);
}
