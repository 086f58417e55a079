/** The first connection of a process to a node on this machine: code loaded, metadata read, head known. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const CHAIN = new URL("../app/main/services/chain/index.ts", import.meta.url).href;
const PRACTICE = new URL("../app/main/services/practice/index.ts", import.meta.url).href;
const ERRORS = new URL("../app/common/errors.ts", import.meta.url).href;
const PROCESSES = 5;
const LIMIT_MS = 1500;

/** In a process of its own, as the node is never part of what waits for it. */
const SERVE = `
  const { PracticeNode } = await import(${JSON.stringify(PRACTICE)});
  const node = await PracticeNode.start({ paced: false });
  console.log(node.endpoint);
`;

/** @param {string} endpoint */
const measure = (endpoint) => `
  await import(${JSON.stringify(ERRORS)});
  const cpu = () => { const { user, system } = process.threadCpuUsage(); return (user + system) / 1000; };
  const [begun, ownBegun] = [performance.now(), cpu()];
  const { Chains } = await import(${JSON.stringify(CHAIN)});
  const beacon = { publicKey: new Uint8Array(96), genesisSeconds: 0, periodSeconds: 3 };
  const chains = new Chains({ resolve: () => ({ endpoint: ${JSON.stringify(endpoint)}, beacon, secondsPerBlock: 2 }) });
  const chain = await chains.open("local");
  const [open, own] = [performance.now() - begun, cpu() - ownBegun];
  await chain.head();
  const head = performance.now() - begun - open;
  await chains.close();
  console.log(JSON.stringify({ open, own, head }));
`;

/** @returns {Promise<{ name: string, value: number, unit: string, limit: number | null }[]>} */
export async function benchChain() {
  const options = ["--input-type=module", "--eval"];
  const node = spawn(process.execPath, [...options, SERVE], { cwd: ROOT, stdio: ["ignore", "pipe", "inherit"] });
  try {
    const [endpoint] = /** @type {[string]} */ (await once(createInterface(node.stdout), "line"));
    const runs = Array.from({ length: PROCESSES }, () => {
      const { status, stdout, stderr } = spawnSync(process.execPath, [...options, measure(endpoint)], {
        cwd: ROOT,
        encoding: "utf8",
      });
      if (status !== 0) throw new Error(`connecting ended with ${status}: ${stderr}`);
      /** @type {{ open: number, own: number, head: number }} */
      return JSON.parse(stdout);
    });
    const open = median(runs.map((run) => run.open));
    const own = median(runs.map((run) => run.own));
    const head = median(runs.map((run) => run.head));
    return [
      { name: "chain: connect on loopback, code loaded too, median", value: open, unit: "ms", limit: LIMIT_MS },
      { name: "chain: of that, the thread's own time", value: own, unit: "ms", limit: null },
      { name: "chain: its head, once connected", value: head, unit: "ms", limit: null },
    ];
  } finally {
    node.kill();
  }
}

/** @param {number[]} values */
function median(values) {
  return /** @type {number} */ (values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]);
}
