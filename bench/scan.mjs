/** The scan: 400 files in one command, and one file of 250 lines; beside it Python's bare parsing of the same files. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { loadPyodide } from "pyodide";
import { ScanService } from "../app/main/services/scan/index.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const FILES = 400;
const FILES_LIMIT_SECONDS = 20;
const LINES = 250;
const SCAN_LIMIT_MS = 30;
const WARM_UP = 20;
const REPETITIONS = 200;

const BARE_PARSE = `
import ast

def parse_and_walk(source):
    return sum(1 for _ in ast.walk(ast.parse(source)))

parse_and_walk
`;

/**
 * Seconds for the command (process start and loading included), and p95 in milliseconds of one warm analysis (scan,
 * advice and repairs) through the service. The peer of the latter is `ast.parse` and `ast.walk` alone, in the same
 * Pyodide version, in the same run.
 * @returns {Promise<{name: string, value: number, unit: string, limit: number | null, peer?: number, ratio?: number}[]>}
 */
export async function benchScan() {
  const sources = Array.from({ length: REPETITIONS + WARM_UP }, (_, index) => sourceOfLines(LINES, index));
  return [commandOverFiles(), ...(await warmScans(sources))];
}

/** A real training loop as often as it fits, then plain statements up to the length; each index gives another text. */
function sourceOfLines(/** @type {number} */ lines, /** @type {number} */ index) {
  const template = readFileSync(join(ROOT, "templates", "fsdp.py"), "utf8")
    .trimEnd()
    .split("\n");
  const text = [`# Variant ${index}, on cuda too`];
  while (text.length + template.length <= lines) text.push(...template);
  while (text.length < lines) text.push(`VALUE_${text.length} = [${index}, "text ${index}", ${index} + 1]`);
  return `${text.join("\n")}\n`;
}

function commandOverFiles() {
  const folder = mkdtempSync(join(tmpdir(), "crusader-bench-scan-"));
  try {
    const files = Array.from({ length: FILES }, (_, index) => {
      const file = join(folder, `train_${index}.py`);
      writeFileSync(file, sourceOfLines(LINES, index));
      return file;
    });
    const start = performance.now();
    const { status, stderr } = spawnSync(
      process.execPath,
      [join(ROOT, "bin", "crusader.mjs"), "scan", "--json", ...files],
      { encoding: "utf8", maxBuffer: 1 << 28 },
    );
    const seconds = (performance.now() - start) / 1000;
    if (status !== 0) throw new Error(`crusader scan ended with ${status}: ${stderr}`);
    return { name: `scan ${FILES} files, one command`, value: seconds, unit: "s", limit: FILES_LIMIT_SECONDS };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function warmScans(/** @type {string[]} */ sources) {
  const service = new ScanService({
    packageFolder: join(ROOT, "simulator-image", "crusades_eval"),
    policyJson: readFileSync(join(ROOT, "hparams", "scan-policy.json"), "utf8"),
  });
  const pyodide = await loadPyodide({ indexURL: `${dirname(fileURLToPath(import.meta.resolve("pyodide")))}/` });
  const parseAndWalk = pyodide.runPython(BARE_PARSE);
  try {
    const scanTimes = [];
    const parseTimes = [];
    // In turn, so that both meet the same load of the machine.
    for (const [index, source] of sources.entries()) {
      const bytes = Buffer.from(source);
      const start = performance.now();
      const report = await service.scan(bytes);
      const scanned = performance.now();
      parseAndWalk(source);
      const parsed = performance.now();
      if (!report.verdict.ok) throw new Error(`The bench's own file is rejected: ${report.findings[0]?.message}`);
      if (index < WARM_UP) continue;
      scanTimes.push(scanned - start);
      parseTimes.push(parsed - scanned);
    }
    const value = percentile95(scanTimes);
    const peer = percentile95(parseTimes);
    return [
      { name: `scan ${LINES} lines, warm, p95`, value, unit: "ms", limit: SCAN_LIMIT_MS, peer, ratio: value / peer },
    ];
  } finally {
    await service.close();
  }
}

function percentile95(/** @type {number[]} */ times) {
  return times.toSorted((a, b) => a - b)[Math.ceil(times.length * 0.95) - 1] ?? Number.NaN;
}
