/**
 * The scan service on real Pyodide, against the expected results of fixtures/scan/cases.json and against CPython: whole
 * analyses must be identical. CPython is `$CRUSADER_PYTHON`, else python3.11 or python3 (3.11 or later).
 */
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { type Review, reviewSchema } from "../../../common/review.ts";
import { type Analysis, analysisSchema } from "../../../common/scan.ts";
import { REVIEW_FILES, SCANNER_FILES } from "../../../common/scanner.ts";
import { ScanService } from "./index.ts";

const root = fileURLToPath(new URL("../../../../", import.meta.url));
const packageFolder = join(root, "simulator-image/crusades_eval");
const policyJson = readFileSync(join(root, "hparams/scan-policy.json"), "utf8");

const fixtureSchema = z.object({
  suffix: z.string(),
  cases: z.array(
    z.object({
      name: z.string(),
      source: z.string().optional(),
      parts: z.array(z.tuple([z.string(), z.number()])).optional(),
      base64: z.string().optional(),
      whole: z.boolean().default(false),
      python311Only: z.boolean().default(false),
      numGpus: z.number().optional(),
      verdict: z.object({ kind: z.string(), line: z.number().nullable(), rule: z.string().nullable() }),
      strategy: z.object({ dp_size: z.number(), tp_size: z.number() }).nullable().optional(),
      findings: z.array(z.record(z.string(), z.union([z.string(), z.number()]))).optional(),
    }),
  ),
});
const fixtures = fixtureSchema.parse(JSON.parse(readFileSync(join(root, "fixtures/scan/cases.json"), "utf8")));
type Case = (typeof fixtures.cases)[number];

function sourceOf({ source, parts, base64, whole }: Case): Uint8Array {
  if (base64 !== undefined) return Buffer.from(base64, "base64");
  const text = source ?? (parts ?? []).map(([part, times]) => part.repeat(times)).join("");
  return Buffer.from(text + (whole ? "" : fixtures.suffix));
}

function pythonFilesOf(folder: string): Buffer[] {
  return readdirSync(join(root, folder))
    .filter((name) => name.endsWith(".py"))
    .toSorted()
    .map((name) => readFileSync(join(root, folder, name)));
}

/** The templates and the submissions that the evaluation is tested with. */
const programs = ["templates", "fixtures/submissions"].flatMap(pythonFilesOf);

const service = new ScanService({ packageFolder, policyJson });
afterAll(() => service.close());

test.each(fixtures.cases.map((one) => [one.name, one] as const))("%s", async (_name, expected) => {
  const report = await service.scan(sourceOf(expected), expected.numGpus);
  expect(report.verdict).toEqual({ ok: expected.verdict.kind === "pass", ...expected.verdict });
  if (expected.strategy !== undefined) expect(report.strategy).toEqual(expected.strategy);
  if (expected.findings !== undefined) {
    expect(report.findings.map(({ message: _message, ...place }) => place)).toEqual(expected.findings);
  }
});

const CPYTHON_SCRIPT = `
import base64, json, sys
sys.path.insert(0, sys.argv[1])
from crusades_eval.analysis import analyse
policy = json.loads(sys.argv[2])
requests = json.load(sys.stdin)
json.dump([analyse(base64.b64decode(source), policy, num_gpus) for source, num_gpus in requests], sys.stdout)
`;

function findPython(): { program: string; minor: number } | null {
  for (const program of [process.env.CRUSADER_PYTHON, "python3.11", "python3"]) {
    if (program === undefined || program === "") continue;
    const { status, stdout } = spawnSync(program, ["-c", "import sys; print(*sys.version_info[:2])"], {
      encoding: "utf8",
    });
    const [major, minor] = status === 0 ? stdout.trim().split(" ").map(Number) : [];
    if (major === 3 && minor !== undefined && minor >= 11) return { program, minor };
  }
  return null;
}

const python = findPython();

function scanInCPython(requests: { source: Uint8Array; numGpus?: number | undefined }[]): Analysis[] {
  const input = requests.map(({ source, numGpus }) => [Buffer.from(source).toString("base64"), numGpus ?? null]);
  const { stdout, stderr, status } = spawnSync(
    python?.program ?? "python3",
    ["-c", CPYTHON_SCRIPT, join(root, "simulator-image"), policyJson],
    { input: JSON.stringify(input), encoding: "utf8", maxBuffer: 1 << 30 },
  );
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return z.array(analysisSchema).parse(JSON.parse(stdout));
}

const CPYTHON_REVIEW_SCRIPT = `
import base64, json, sys
sys.path.insert(0, sys.argv[1])
from crusades_eval.review import review
json.dump([review(base64.b64decode(source)) for source in json.load(sys.stdin)], sys.stdout)
`;

function reviewInCPython(sources: Uint8Array[]): Review[] {
  const { stdout, stderr, status } = spawnSync(
    python?.program ?? "python3",
    ["-c", CPYTHON_REVIEW_SCRIPT, join(root, "simulator-image")],
    {
      input: JSON.stringify(sources.map((source) => Buffer.from(source).toString("base64"))),
      encoding: "utf8",
      maxBuffer: 1 << 30,
    },
  );
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return z.array(reviewSchema).parse(JSON.parse(stdout));
}

/** Newer Pythons word their syntax errors anew and place parts of f-strings more exactly; the verdict stays. */
function comparableReview({ unreviewed, findings, techniques }: Review): unknown {
  if (python?.minor === 11) return { unreviewed, findings, techniques };
  const ids = (all: { id: string }[]) => [...new Set(all.map(({ id }) => id))].toSorted();
  return { unreviewed: unreviewed?.reason, findings: ids(findings), techniques: ids(techniques) };
}

/** The same of an analysis. */
function comparable(report: Analysis): unknown {
  if (python?.minor === 11) return report;
  return { kind: report.verdict.kind, rule: report.verdict.rule, strategy: report.strategy };
}

describe.skipIf(python === null)("Pyodide and CPython (skipped where there is no Python 3.11 or later)", () => {
  test("agree on every case, report by report", async () => {
    const cases = fixtures.cases.filter(({ python311Only }) => python?.minor === 11 || !python311Only);
    const inCPython = scanInCPython(cases.map((one) => ({ source: sourceOf(one), numGpus: one.numGpus })));
    for (const [index, one] of cases.entries()) {
      const inPyodide = await service.scan(sourceOf(one), one.numGpus);
      expect({ name: one.name, report: comparable(inPyodide) }).toEqual({
        name: one.name,
        report: comparable(inCPython[index] as Analysis),
      });
    }
  });

  test("agree on real programs, analysis by analysis", async () => {
    const inCPython = scanInCPython(programs.map((source) => ({ source, numGpus: 4 })));
    for (const [index, source] of programs.entries()) {
      const inPyodide = await service.scan(source, 4);
      expect(comparable(inPyodide)).toEqual(comparable(inCPython[index] as Analysis));
    }
  });

  test("agree on what deserves a second look in real programs, review by review", async () => {
    const broken = ["def f(:\n", "x = 1\n\0", `x = ${"-".repeat(400)}y\n`, "\u{1f600} = 1\n", "x = '\u202e'\n"];
    const sources = [
      ...programs,
      ...pythonFilesOf("fixtures/review/honest"),
      ...broken.map((source) => Buffer.from(source)),
    ];
    const inCPython = reviewInCPython(sources);
    for (const [index, source] of sources.entries()) {
      const inPyodide = await service.review(source);
      expect(comparableReview(inPyodide)).toEqual(comparableReview(inCPython[index] as Review));
    }
  });

  test.skipIf(python?.minor !== 11)("agree on mutated sources", async () => {
    const random = randomFrom(20260405);
    const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
    const small = fixtures.cases.filter(({ parts }) => parts === undefined);
    const mutated = (original: Buffer, pieces: readonly string[], longest: number): Buffer => {
      let source = original;
      for (let edits = 1 + Math.floor(random() * 4); edits > 0; edits -= 1) {
        const start = Math.floor(random() * (source.length + 1));
        const end = start + Math.floor(random() * longest);
        source = Buffer.concat([source.subarray(0, start), Buffer.from(pick(pieces), "latin1"), source.subarray(end)]);
      }
      return source;
    };
    const pieces = ["", "(", ")", '"', "%s", "\0", "\xff", "\n", "\\", "{", "f'", " + ", "é", ":"];
    const words = [
      ...["", "\n", "None", "num_gpus", ".item()", ".cpu()", "[:, 1:]", "model", "torch", "t", "1", ")", " + 1"],
      ...[
        "\nimport torch as t\n",
        '\nif __name__ == "__main__":\n    t.main()\n',
        '\n"""getattr"""\n',
        "return None\n",
      ],
    ];
    const sources = [
      ...Array.from({ length: 600 }, () =>
        mutated(Buffer.concat([sourceOf(pick(small)), sourceOf(pick(small))]), pieces, 8),
      ),
      ...Array.from({ length: 300 }, () => mutated(pick(programs), words, 3)),
    ];
    const inCPython = scanInCPython(sources.map((source) => ({ source })));
    for (const [index, source] of sources.entries()) {
      const report = await service.scan(source);
      expect({ source: source.toString("latin1"), report }).toEqual({
        source: source.toString("latin1"),
        report: inCPython[index],
      });
    }
  });
});

/** Mulberry32: the same sequence on every machine. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

describe("a scanner that does not answer", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "crusader-scan-"));
    // Stands in for a source that hangs or kills the real scanner, of which none is known.
    writeFileSync(
      join(folder, "analysis.py"),
      `
def analyse(source, policy, num_gpus=None):
    if source == b"hang":
        while True:
            pass
    if source == b"raise":
        raise RuntimeError("a bug")
    return {"verdict": {"ok": True, "kind": "pass", "line": None, "rule": None}, "findings": [], "strategy": None, "cudaNeeds": [], "lints": [], "fixes": []}
`,
    );
    for (const name of SCANNER_FILES) {
      if (name !== "analysis.py") copyFileSync(join(packageFolder, name), join(folder, name));
    }
    // Neither is one known for the real reviewer.
    for (const name of REVIEW_FILES) writeFileSync(join(folder, name), "");
    writeFileSync(
      join(folder, "review.py"),
      `
def review(source):
    if source == b"hang":
        while True:
            pass
    if source == b"raise":
        raise RuntimeError("a bug")
    return {"unreviewed": None, "findings": [], "techniques": []}
`,
    );
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const crash = (message: string): Analysis => ({
    verdict: { ok: false, kind: "security", line: null, rule: "scanner-crash" },
    findings: [{ rule: "scanner-crash", line: 1, column: 1, endLine: 1, endColumn: 1, message }],
    strategy: null,
    cudaNeeds: [],
    lints: [],
    fixes: [],
  });

  test("is replaced, and the next scan is answered", async () => {
    const hanging = new ScanService({ packageFolder: folder, policyJson: "{}", timeLimitMs: 300 });
    const reports = await Promise.all(["hang", "raise", "fine"].map((text) => hanging.scan(Buffer.from(text))));
    await hanging.close();
    expect(reports).toEqual([
      crash("Scanning takes longer than 0.3 s, which the validator would not wait for. Write it in a simpler way."),
      crash("This file brings the scanner down. Write it in a simpler way."),
      {
        verdict: { ok: true, kind: "pass", line: null, rule: null },
        findings: [],
        strategy: null,
        cudaNeeds: [],
        lints: [],
        fixes: [],
      },
    ]);
  });

  test("is replaced for reviews, too, and says that the file was not reviewed", async () => {
    const hanging = new ScanService({ packageFolder: folder, policyJson: "{}", timeLimitMs: 1000 });
    const reviews = await Promise.all(["hang", "raise", "fine"].map((text) => hanging.review(Buffer.from(text))));
    await hanging.close();
    const unreviewed = (reason: "time" | "crash", message: string): Review => ({
      unreviewed: { reason, line: null, message },
      findings: [],
      techniques: [],
    });
    expect(reviews).toEqual([
      unreviewed("time", "Reviewing this file takes longer than 1 s. Read it by hand."),
      unreviewed("crash", "This file brings the reviewer down. Read it by hand."),
      { unreviewed: null, findings: [], techniques: [] },
    ]);
  });

  test("that cannot be loaded is no fault of the file, and goes on scanning", async () => {
    rmSync(join(folder, "techniques.py"));
    const incomplete = new ScanService({ packageFolder: folder, policyJson: "{}" });
    await expect(incomplete.review(Buffer.from("fine"))).rejects.toThrow("The reviewer could not be loaded.");
    expect(await incomplete.scan(Buffer.from("fine"))).toMatchObject({ verdict: { ok: true } });
    await incomplete.close();
  });

  test("fails its scans when it is closed", async () => {
    const closing = new ScanService({ packageFolder: folder, policyJson: "{}" });
    const unfinished = expect(closing.scan(Buffer.from("hang"))).rejects.toThrow("The scanner was closed");
    await closing.close();
    await unfinished;
    await expect(closing.scan(Buffer.from(""))).rejects.toThrow("The scanner was closed");
  });
});

test("an unusable policy is no fault of the file", async () => {
  const broken = new ScanService({ packageFolder, policyJson: "{}" });
  await expect(broken.scan(Buffer.from("x = 1"))).rejects.toThrow("The scanner could not be loaded");
  await broken.close();
});

test("missing Python files are named as such", async () => {
  const missing = new ScanService({ packageFolder: join(root, "no-such-folder"), policyJson });
  await expect(missing.scan(Buffer.from("x = 1"))).rejects.toMatchObject({ code: "internal", hint: /npm ci/ });
  await missing.close();
});
