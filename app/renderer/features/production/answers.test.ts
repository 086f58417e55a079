import { expect, test } from "vitest";
import type { Verdict } from "../../../common/scan.ts";
import { agreementOf, readMessage, readStart, readVerdict, type TheirVerdict } from "./answers.ts";

test.each([
  null,
  undefined,
  "started",
  3,
  [],
  { kind: "started" },
  { kind: "started", json: {} },
  { kind: "other", json: "{}" },
  { kind: "answer", json: " ".repeat(100_000) },
])("%j is no message of the sandbox", (data) => {
  expect(readMessage(data)).toBeNull();
});

test.each(["", "null", "[]", "3", '"how"', "{", '{"how":3}', '{"why":null}', '{"outcome":"accepted"}'])(
  "%s is neither a start nor a verdict",
  (json) => {
    expect([readStart(json), readVerdict(json)]).toEqual([null, null]);
  },
);

test("a verdict keeps its three parts and nothing else", () => {
  const said = { outcome: "rejected", message: "no", line: 3, more: "<b>", __proto__: { line: 4 } };
  expect(readVerdict(JSON.stringify(said))).toEqual({ outcome: "rejected", message: "no", line: 3 });
});

test.each([0, -1, 1.5, 1e9, "3", null, true])("%j is no line", (line) => {
  expect(readVerdict(JSON.stringify({ outcome: "rejected", message: "no", line }))?.line).toBeNull();
});

test("text of others is one short line without marks that hide or reorder", () => {
  const message = `a\u001b[31m\nb\u202ec\ud800${"d".repeat(5000)}`;
  const shown = readVerdict(JSON.stringify({ outcome: "rejected", message, line: null }))?.message ?? "";
  expect(shown.startsWith("a [31m b\ufffdc\ufffddd")).toBe(true);
  expect(shown.length).toBeLessThanOrEqual(2000);
});

const ours = (ok: boolean, line: number | null = null): Verdict => ({
  ok,
  kind: ok ? "pass" : "security",
  line,
  rule: ok ? null : "forbidden-module",
});
const theirs = (outcome: TheirVerdict["outcome"], message = "", line: number | null = null) => ({
  outcome,
  message,
  line,
});

test.each([
  [ours(true), theirs("accepted"), "agree"],
  [ours(true), theirs("rejected"), "disagree"],
  [ours(false, 3), theirs("accepted"), "disagree"],
  [ours(false, 3), theirs("rejected"), "agree"],
  [ours(false, 3), theirs("rejected", "", 3), "agree"],
  [ours(false, 3), theirs("rejected", "Line 3: no"), "agree"],
  [ours(false, 3), theirs("rejected", "no (line 4)"), "elsewhere"],
  [ours(false, 3), theirs("rejected", "no", 4), "elsewhere"],
  [ours(false), theirs("rejected", "no", 4), "agree"],
  [ours(true), theirs("unasked", "it died"), "unasked"],
  [ours(false, 3), theirs("unasked", "it died"), "unasked"],
] as const)("%j beside %j: %s", (our, their, agreement) => {
  expect(agreementOf(our, their)).toBe(agreement);
});
