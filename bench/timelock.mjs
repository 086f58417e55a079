/** Encryption of a commitment: the first of a process, as every submission's is, and later ones. */
import { spawnSync } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";

const SERVICE = new URL("../app/main/services/timelock/index.ts", import.meta.url).href;
const ERRORS = new URL("../app/common/errors.ts", import.meta.url).href;
const PROCESSES = 7;
const WARM_REPETITIONS = 20;
const COLD_LIMIT_MS = 150;
/** The longest text that is committed. */
const TEXT = "0".repeat(128);

/**
 * A process of its own; what the services have loaded anyway (schemas) is loaded before. Measured is the thread's own time,
 * which other work of the machine does not lengthen.
 */
const MEASURE = `
  const now = () => { const { user, system } = process.threadCpuUsage(); return (user + system) / 1000; };
  await import(${JSON.stringify(ERRORS)});
  const begun = now();
  const { encryptText } = await import(${JSON.stringify(SERVICE)});
  encryptText(${JSON.stringify(TEXT)}, 40_000_000);
  const first = now();
  for (let index = 0; index < ${WARM_REPETITIONS}; index += 1) encryptText(${JSON.stringify(TEXT)}, 40_000_001 + index);
  const warm = (now() - first) / ${WARM_REPETITIONS};
  console.log(JSON.stringify({ cold: first - begun, warm }));
`;

/** @returns {Promise<{ name: string, value: number, unit: string, limit: number | null }[]>} */
export async function benchTimelock() {
  const runs = Array.from({ length: PROCESSES }, () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "--eval", MEASURE], {
      cwd: fileURLToPath(new URL("..", import.meta.url)),
      encoding: "utf8",
    });
    if (status !== 0) throw new Error(`encryption ended with ${status}: ${stderr}`);
    /** @type {{ cold: number, warm: number }} */
    return JSON.parse(stdout);
  });
  const title = "timelock: encryption and its proof, own time, median";
  const cold = median(runs.map((run) => run.cold));
  const warm = median(runs.map((run) => run.warm));
  return [
    { name: `${title}: the first, code loaded too`, value: cold, unit: "ms", limit: COLD_LIMIT_MS },
    { name: `${title}: later ones`, value: warm, unit: "ms", limit: null },
  ];
}

/** @param {number[]} values */
function median(values) {
  return /** @type {number} */ (values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]);
}
