import { expect, test } from "vitest";
import type { Finding, ScanReport } from "../../../common/scan.ts";
import { shownFindings, unitColumn } from "./findings.ts";

const finding = (line: number, rule: string): Finding => ({
  rule,
  line,
  column: 1,
  endLine: line,
  endColumn: 2,
  message: rule,
});

test("says at which finding production stops, and at none where the scan passes", () => {
  const findings = [finding(3, "forbidden-name"), finding(9, "forbidden-module"), finding(9, "forbidden-name")];
  const report = (verdict: ScanReport["verdict"]): ScanReport => ({ verdict, findings, strategy: null, cudaNeeds: [] });
  const stops = (verdict: ScanReport["verdict"]) => shownFindings(report(verdict)).map(({ stopsHere }) => stopsHere);
  expect([
    stops({ ok: false, kind: "security", line: 9, rule: "forbidden-name" }),
    stops({ ok: true, kind: "pass", line: null, rule: null }),
  ]).toEqual([
    [false, false, true],
    [false, false, false],
  ]);
});

test("finds the editor's column of a character behind ones that take two units", () => {
  const line = "x = '\u{1f600}' + y";
  expect([1, 5, 6, 7, 12, 99].map((column) => unitColumn(line, column))).toEqual([1, 5, 6, 8, 13, 13]);
});
