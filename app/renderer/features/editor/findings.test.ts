import { expect, test } from "vitest";
import type { Analysis, Finding, Fix } from "../../../common/scan.ts";
import { filteredProblems, isCounted, problemsOf, problemsText, unitColumn, verdictWords } from "./findings.ts";
import { problemSummary } from "./live-scan.ts";

const finding = (line: number, rule: string): Finding => ({
  rule,
  line,
  column: 1,
  endLine: line,
  endColumn: 2,
  message: `about ${rule}`,
});
const fix: Fix = { rule: "late", line: 9, column: 1, title: "Mend it", edits: [] };
const rejected: Analysis = {
  verdict: { ok: false, kind: "security", line: 3, rule: "first" },
  findings: [finding(3, "first"), finding(9, "late"), finding(1, "early")],
  strategy: null,
  cudaNeeds: [{ line: 7, what: "torch.cuda.Stream" }],
  lints: [finding(20, "item-in-loop"), finding(4, "print-in-loop")],
  fixes: [fix],
};

test("says where production stops, what would be next, and keeps advice and notes apart", () => {
  const shown = problemsOf(rejected).map(({ id, kind, rule, line, standing, fixes }) => ({
    id,
    kind,
    rule,
    line,
    standing,
    fixes,
  }));
  expect(shown).toEqual([
    { id: "rejection:0", kind: "rejection", rule: "first", line: 3, standing: "stops", fixes: [] },
    { id: "rejection:1", kind: "rejection", rule: "late", line: 9, standing: "next", fixes: [fix] },
    { id: "rejection:2", kind: "rejection", rule: "early", line: 1, standing: "later", fixes: [] },
    { id: "lint:0", kind: "lint", rule: "print-in-loop", line: 4, standing: null, fixes: [] },
    { id: "lint:1", kind: "lint", rule: "item-in-loop", line: 20, standing: null, fixes: [] },
    { id: "note:0", kind: "note", rule: "needs-cuda", line: 7, standing: null, fixes: [] },
  ]);
});

test("a verdict without a line is that of the first finding", () => {
  const verdict = { ok: false, kind: "structure" as const, line: null, rule: "inner-steps-missing" };
  const standings = problemsOf({ ...rejected, verdict, findings: [finding(1, "inner-steps-missing")] });
  expect(standings[0]?.standing).toBe("stops");
});

test("what the scanner can name no place for is of the whole file; a short inner_steps has one, though the verdict has no line", () => {
  const verdict = { ok: false, kind: "structure" as const, line: null, rule: "inner-steps-missing" };
  const missing = { ...finding(1, "inner-steps-missing"), endColumn: 1 };
  const wholeFile = (found: Finding) =>
    problemsOf({ ...rejected, verdict, findings: [found] }).map(({ isOfWholeFile }) => isOfWholeFile)[0];
  expect([wholeFile(missing), wholeFile(finding(1, "inner-steps-parameters"))]).toEqual([true, false]);
});

test("rejections and advice are counted as problems, what is a choice and what only a rehearsal needs are not", () => {
  const problems = problemsOf({ ...rejected, lints: [...rejected.lints, finding(2, "gradient-checkpointing")] });
  const kinds = problems.map(({ kind }) => kind);
  expect(kinds).toEqual(["rejection", "rejection", "rejection", "hint", "lint", "lint", "note"]);
  expect([problems.filter(isCounted).length, problemsText(1), problemsText(1200)]).toEqual([
    5,
    "1 problem",
    "1,200 problems",
  ]);
  const scanned = { current: true, analysis: null, problems, failure: null };
  const summary = (...states: object[]) =>
    problemSummary({ byBuffer: Object.fromEntries(states.map((state, id) => [id, { ...scanned, ...state }])) });
  expect([summary(), summary({}, {}), summary({}, { current: false }), summary({ failure: "dead" })]).toEqual([
    null,
    "10 problems",
    "checking",
    "not checked",
  ]);
});

test("words the verdict with its line, or with its rule where it has none", () => {
  const words = (line: number | null, rule: string | null, ok: boolean) =>
    verdictWords({ verdict: { ok, kind: ok ? "pass" : "security", line, rule } });
  expect([words(null, null, true), words(12, "x", false), words(null, "inner-steps-missing", false)]).toEqual([
    "passes",
    "stops at line 12",
    "stops: inner-steps-missing",
  ]);
});

test("filters by words of the message, the rule or the line, and by kind", () => {
  const all = problemsOf(rejected);
  const found = (text: string, ...kinds: ("rejection" | "lint" | "note")[]) =>
    filteredProblems(all, { text, kinds }).map(({ rule }) => rule);
  expect([
    found("", "rejection"),
    found("LOOP item", "lint", "note"),
    found("cuda", "rejection", "lint", "note"),
    found("line 9", "rejection"),
    found("", "note"),
  ]).toEqual([["first", "late", "early"], ["item-in-loop"], ["needs-cuda"], ["late"], ["needs-cuda"]]);
});

test("finds the editor's column of a character behind ones that take two units", () => {
  const line = "x = '\u{1f600}' + y";
  expect([1, 5, 6, 7, 12, 99].map((column) => unitColumn(line, column))).toEqual([1, 5, 6, 8, 13, 13]);
});
