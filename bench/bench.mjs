// `npm run bench`: what the product holds itself to, measured in one go, with a peer in the same run where there is one.
// Figures are no tests: the exit status is 0 unless a benchmark itself breaks. `-- scan history` runs only those named.
import process from "node:process";
import { runScript } from "../scripts/bootstrap.mjs";

/** @typedef {{ name: string, value: number, unit: string, limit: number | null, peer?: number, ratio?: number }} Figure */

/** @type {Record<string, () => Promise<Figure[]>>} */
const BENCHMARKS = {
  scan: async () => (await import("./scan.mjs")).benchScan(),
  review: async () => (await import("./review.mjs")).benchReview(),
  history: async () => (await import("./history.mjs")).benchHistory(),
  arena: async () => (await import("./arena.mjs")).benchArena(),
  timelock: async () => (await import("./timelock.mjs")).benchTimelock(),
  chain: async () => (await import("./chain.mjs")).benchChain(),
  submission: async () => (await import("./submission.mjs")).benchSubmission(),
  window: async () => (await import("./window.mjs")).benchWindow(),
  gpus: async () => (await import("./gpus.mjs")).benchGpus(),
  rehearsal: async () => (await import("./rehearsal.mjs")).benchRehearsal(),
  containers: async () => (await import("./containers.mjs")).benchContainers(),
};

const RIGHT = /** @type {const} */ ("right");
const COLUMNS = [
  { title: "figure" },
  { title: "value", align: RIGHT },
  { title: "limit", align: RIGHT },
  { title: "" },
  { title: "peer", align: RIGHT },
  { title: "ratio", align: RIGHT },
  { title: "unit" },
];

await runScript(import.meta.url, async () => {
  const wanted = process.argv.slice(2);
  const unknown = wanted.filter((name) => !Object.hasOwn(BENCHMARKS, name));
  if (unknown.length > 0) {
    process.stderr.write(
      `error: No benchmark ${unknown.join(", ")}; there are: ${Object.keys(BENCHMARKS).join(", ")}.\n`,
    );
    return 2;
  }
  /** @type {Figure[]} */
  const figures = [];
  let broken = 0;
  for (const [name, benchmark] of Object.entries(BENCHMARKS)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    process.stderr.write(`measuring: ${name}\n`);
    try {
      figures.push(...(await benchmark()));
    } catch (error) {
      broken += 1;
      process.stderr.write(`${error instanceof Error ? error.stack : error}\nerror: the benchmark ${name} broke\n`);
    }
  }
  // Only here, on Node 24: an older one cannot read TypeScript.
  const { renderTable } = await import("../app/main/cli/table.ts");
  process.stdout.write(renderTable(COLUMNS, figures.map(row)));
  return broken === 0 ? 0 : 1;
});

/** @param {Figure} figure */
function row({ name, value, unit, limit, peer, ratio }) {
  const state = limit === null ? "" : value <= limit ? "ok" : "OVER";
  return [name, digits(value), digits(limit), state, digits(peer), digits(ratio), unit];
}

/** @param {number | null | undefined} value */
function digits(value) {
  if (value === null || value === undefined) return "";
  return value.toLocaleString("en-US", value < 100 ? { maximumSignificantDigits: 3 } : { maximumFractionDigits: 0 });
}
