/**
 * The Python scanner in a loaded Pyodide: the one bridge to it, for the services' thread and for the window's worker. The
 * files it needs come from whoever loads it.
 */
import type { Review } from "./review.ts";
import type { Analysis } from "./scan.ts";
import type { PlanSizes } from "./topology.ts";

/** What of a loaded Pyodide the scanner needs. */
export type LoadedPyodide = {
  FS: { mkdirTree: (path: string) => void; writeFile: (path: string, data: Uint8Array) => void };
  runPython: (code: string) => unknown;
};

/** The files of crusades_eval that scan. They import each other and the standard library, nothing else. */
export const SCANNER_FILES = [
  "__init__.py",
  "scan.py",
  "topology.py",
  "mfu.py",
  "cuda_needs.py",
  "syntax_tree.py",
  "analysis.py",
  "lints.py",
  "fixes.py",
] as const;

/** What reviewing adds to them. The window reviews nothing itself, and does not load these. */
export const REVIEW_FILES = [
  "value_flow.py",
  "reviewed_file.py",
  "heuristics.py",
  "techniques.py",
  "review.py",
] as const;

/** For one file. A scan takes milliseconds, the largest file allowed a few seconds; what takes longer was made to. */
export const SCAN_TIME_LIMIT_MS = 20_000;

/** For one file: what is larger or nested deeper than hand-written code is not reviewed at all (review.py). */
export const REVIEW_TIME_LIMIT_MS = 20_000;

/** What is said about a file at which the scanner gave up; the same rule as where it recognises such a file itself. */
export function scannerCrash(why: string): Analysis {
  const rule = "scanner-crash";
  return {
    verdict: { ok: false, kind: "security", line: null, rule },
    findings: [{ rule, line: 1, column: 1, endLine: 1, endColumn: 1, message: `${why} Write it in a simpler way.` }],
    strategy: null,
    cudaNeeds: [],
    lints: [],
    fixes: [],
  };
}

/** What is said about a file that could not be reviewed; `why` is a sentence. */
export function reviewFailure(reason: "time" | "crash", why: string): Review {
  return { unreviewed: { reason, line: null, message: `${why} Read it by hand.` }, findings: [], techniques: [] };
}

/** Where the files lie in Pyodide's own file system. */
const FOLDER = "/scanner";

const ENTRY = `
import gc
import json
import sys
from crusades_eval.analysis import analyse
from crusades_eval.scan import MAX_TREE_DEPTH, scan
from crusades_eval.topology import check_topology, plan

# Trees may be three levels deep for each frame: as deep as the scanner takes them, and no deeper, as building one can end
# a browser's thread, which has less stack than others.
sys.setrecursionlimit(MAX_TREE_DEPTH // 3 + 30)
# What is loaded stays: looking for garbage in it would take a sixth of a scan.
gc.collect()
gc.freeze()

def set_policy(policy_json):
    global policy
    candidate = json.loads(policy_json)
    # An unusable policy shows now, and not as a fault of the next file.
    analyse(b"", candidate)
    policy = candidate

def analyse_to_json(source, num_gpus):
    return json.dumps(analyse(source.to_bytes(), policy, num_gpus))

def plan_to_json(source, num_gpus, sizes_json):
    # Advice and repairs take longer than the scan, and are not asked for.
    report = scan(source.to_bytes(), policy, num_gpus)
    declared = report["strategy"]
    problem = check_topology(declared, num_gpus)
    planned = plan(declared, num_gpus, **json.loads(sizes_json)) if problem is None else None
    return json.dumps({"verdict": report["verdict"], "declared": declared, "problem": problem, "plan": planned})
`;

const REVIEW_ENTRY = `
from crusades_eval.review import review

def review_to_json(source):
    return json.dumps(review(source.to_bytes()))

# Neither is this to be looked through for garbage.
gc.collect()
gc.freeze()
`;

/** `numGpus` sizes a strategy that is declared as a string; null is 1. Sources are the file's bytes, answers JSON. */
export type Scanner = {
  /** What production's scan would say, and what goes beyond its rules: `Analysis` of scan.ts. */
  analyse: (source: Uint8Array, numGpus: number | null) => string;
  /** Which samples each of `numGpus` ranks would read: `TopologyAnswer` of topology.ts. */
  plan: (source: Uint8Array, numGpus: number, sizes: PlanSizes) => string;
  /** From now on scans by these rules (content of a scan-policy.json). Throws where they are incomplete, and keeps the old. */
  setPolicy: (policyJson: string) => void;
};

/**
 * Puts the scanner into a Pyodide that holds nothing else. `readFile` gives each of SCANNER_FILES. Throws where a file
 * cannot be run or the policy is incomplete.
 */
export function startScanner(
  pyodide: LoadedPyodide,
  readFile: (name: string) => Uint8Array,
  policyJson: string,
): Scanner {
  pyodide.FS.mkdirTree(`${FOLDER}/crusades_eval`);
  for (const name of SCANNER_FILES) pyodide.FS.writeFile(`${FOLDER}/crusades_eval/${name}`, readFile(name));
  pyodide.runPython(`import sys; sys.path.insert(0, "${FOLDER}")`);
  pyodide.runPython(ENTRY);
  const call = (name: string) => pyodide.runPython(name) as (...parameters: unknown[]) => unknown;
  const [setPolicy, analyse, plan] = [call("set_policy"), call("analyse_to_json"), call("plan_to_json")];
  setPolicy(policyJson);
  return {
    // Undefined is Python's None.
    analyse: (source, numGpus) => analyse(source, numGpus ?? undefined) as string,
    plan: (source, numGpus, sizes) => plan(source, numGpus, JSON.stringify(sizes)) as string,
    setPolicy: (replacement) => {
      setPolicy(replacement);
    },
  };
}

/**
 * Adds reviewing to a Pyodide in which `startScanner` was called. `readFile` gives each of REVIEW_FILES. The answer takes a
 * file's bytes to JSON: `Review` of review.ts.
 */
export function startReview(
  pyodide: LoadedPyodide,
  readFile: (name: string) => Uint8Array,
): (source: Uint8Array) => string {
  for (const name of REVIEW_FILES) pyodide.FS.writeFile(`${FOLDER}/crusades_eval/${name}`, readFile(name));
  pyodide.runPython(REVIEW_ENTRY);
  const review = pyodide.runPython("review_to_json") as (source: Uint8Array) => unknown;
  return (source) => review(source) as string;
}
