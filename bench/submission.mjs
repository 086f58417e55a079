/** The preflight of a submission against a practice node on loopback: the connection made, and once it is there. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Chains } from "../app/main/services/chain/index.ts";
import { PracticeNode } from "../app/main/services/practice/index.ts";
import { ScanService } from "../app/main/services/scan/index.ts";
import { SubmissionService } from "../app/main/services/submission/index.ts";

const LIMIT_MS = 2000;
const REPETITIONS = 7;
const ROOT = new URL("..", import.meta.url);

/** @returns {Promise<{ name: string, value: number, unit: string, limit: number | null }[]>} */
export async function benchSubmission() {
  const dataFolder = mkdtempSync(join(tmpdir(), "crusader-bench-"));
  const node = await PracticeNode.start({ paced: false, secondsPerBlock: 12 });
  const policyFile = new URL("hparams/scan-policy.json", ROOT);
  const scanner = new ScanService({
    packageFolder: new URL("simulator-image/crusades_eval", ROOT).pathname,
    policyJson: readFileSync(policyFile, "utf8"),
  });
  const bytes = readFileSync(new URL("templates/single.py", ROOT));
  const resolved = JSON.parse(readFileSync(new URL("hparams/production-2026-04.json", ROOT), "utf8"));
  const miner = await node.createMiner();
  /** @type {import("../app/main/services/submission/index.ts").SubmissionOrder} */
  const order = {
    profile: "production-2026-04",
    network: "practice",
    url: node.publish(bytes),
    hotkey: { kind: "cold", address: miner.hotkey.address },
    coldkey: { kind: "cold", address: miner.coldkey.address },
    payment: null,
    read: async () => ({ fileName: "train.py", bytes }),
  };
  const measure = async () => {
    const chains = new Chains({
      resolve: () => ({ endpoint: node.endpoint, beacon: node.beacon, secondsPerBlock: node.secondsPerBlock }),
    });
    const service = new SubmissionService({
      dataFolder,
      chains,
      profile: async (name) => ({ name, resolved }),
      scan: (source) => scanner.scan(source),
      runsOf: () => [],
      addressOf: () => {
        throw new Error("no key files here");
      },
      signing: { add: () => undefined, remove: () => undefined },
      standings: null,
      allowedOrigins: () => [node.filesOrigin],
    });
    const first = await timed(service.preflight(order));
    const again = await timed(service.preflight(order));
    await service.close();
    await chains.close();
    return { first, again };
  };
  try {
    // The scanner is loaded, as it is in a window.
    await scanner.scan(bytes);
    const runs = [];
    for (let repetition = 0; repetition < REPETITIONS; repetition += 1) runs.push(await measure());
    const name = "submission: all checks of the preflight, practice node on loopback, median";
    return [
      { name: `${name}: connecting too`, value: median(runs.map(({ first }) => first)), unit: "ms", limit: LIMIT_MS },
      { name: `${name}: connected`, value: median(runs.map(({ again }) => again)), unit: "ms", limit: LIMIT_MS },
    ];
  } finally {
    await scanner.close();
    await node.stop();
    rmSync(dataFolder, { recursive: true, force: true });
  }
}

/** @param {AsyncGenerator<unknown>} stream */
async function timed(stream) {
  const begun = performance.now();
  for await (const _view of stream);
  return performance.now() - begun;
}

/** @param {number[]} values */
function median(values) {
  return /** @type {number} */ (values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]);
}
