/** The review: a real file of each style, one of 1,000 lines, and the largest that is reviewed. Beside it the scan of the same. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ScanService } from "../app/main/services/scan/index.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const LIMIT_MS = 500;
const ROUNDS = 3;
// Some 1,000 lines.
const LONG_BYTES = 50_000;
// The validator takes no more (spec/chain.md, "Code URL").
const LARGEST_BYTES = 500_000;

/**
 * Milliseconds of one warm review through the service; p95 over the files of fixtures/review/honest. The peer is the scan,
 * with advice and repairs, of the same files in the same thread.
 * @returns {Promise<{name: string, value: number, unit: string, limit: number | null, peer?: number, ratio?: number}[]>}
 */
export async function benchReview() {
  const folder = join(ROOT, "fixtures", "review", "honest");
  const files = readdirSync(folder).map((name) => readFileSync(join(folder, name)));
  const service = new ScanService({
    packageFolder: join(ROOT, "simulator-image", "crusades_eval"),
    policyJson: readFileSync(join(ROOT, "hparams", "scan-policy.json"), "utf8"),
  });
  try {
    await measured(service, Buffer.from(""));
    const reviews = [];
    const scans = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const file of files) {
        const { review, scan } = await measured(service, file);
        // The first round warms up.
        if (round === 0) continue;
        reviews.push(review);
        scans.push(scan);
      }
    }
    const long = await measured(service, repeated(LONG_BYTES));
    const largest = await measured(service, repeated(LARGEST_BYTES));
    return [
      figure(
        `review a file of ${files.length} styles, p95`,
        { review: percentile95(reviews), scan: percentile95(scans) },
        LIMIT_MS,
      ),
      figure(`review ${LONG_BYTES / 1000} kB`, long, LIMIT_MS),
      figure(`review ${LARGEST_BYTES / 1000} kB`, largest, null),
    ];
  } finally {
    await service.close();
  }
}

/** A training loop over and over, each time under another name, in no more than `bytes`. */
function repeated(/** @type {number} */ bytes) {
  const template = readFileSync(join(ROOT, "templates", "fsdp.py"), "utf8");
  const text = [template];
  for (let left = bytes - 2 * template.length, copy = 1; left > 0; left -= (text.at(-1) ?? "").length, copy += 1) {
    const renamed = template.replace("def inner_steps(", `def steps_${copy}(`);
    text.push(renamed.replace("class InnerStepsResult", `class Result${copy}`));
  }
  return Buffer.from(text.join(""));
}

async function measured(/** @type {ScanService} */ service, /** @type {Uint8Array} */ source) {
  const start = performance.now();
  const { unreviewed } = await service.review(source);
  const reviewed = performance.now();
  await service.scan(source);
  const scanned = performance.now();
  if (unreviewed !== null) throw new Error(`The bench's own file is not reviewed: ${unreviewed.message}`);
  return { review: reviewed - start, scan: scanned - reviewed };
}

function figure(
  /** @type {string} */ name,
  /** @type {{ review: number, scan: number }} */ { review, scan },
  /** @type {number | null} */ limit,
) {
  return { name, value: review, unit: "ms", limit, peer: scan, ratio: review / scan };
}

function percentile95(/** @type {number[]} */ times) {
  return times.toSorted((a, b) => a - b)[Math.ceil(times.length * 0.95) - 1] ?? Number.NaN;
}
