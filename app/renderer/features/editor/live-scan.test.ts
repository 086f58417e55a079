import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { CrusaderError } from "../../../common/errors.ts";
import type { Analysis } from "../../../common/scan.ts";
import { LiveScan, SCAN_AFTER_MS } from "./live-scan.ts";

/** An analysis that names the text it is about. */
const about = (text: string): Analysis => ({
  verdict: { ok: false, kind: "security", line: 1, rule: text },
  findings: [{ rule: text, line: 1, column: 1, endLine: 1, endColumn: 2, message: text }],
  strategy: null,
  cudaNeeds: [],
  lints: [],
  fixes: [],
});

type Asked = { text: string; answer: () => void; fail: (thrown: unknown) => void };

let text = "";
let asked: Asked[] = [];
let shown: string[] = [];
let live: LiveScan;

beforeEach(() => {
  vi.useFakeTimers();
  text = "";
  asked = [];
  shown = [];
  live = new LiveScan({
    read: () => text,
    analyse: (read) =>
      new Promise((resolve, reject) => asked.push({ text: read, answer: () => resolve(about(read)), fail: reject })),
    onScanned: (_id, problems) => shown.push(problems.map(({ rule }) => rule).join()),
  });
});
afterEach(() => {
  vi.useRealTimers();
});

const type = (typed: string) => {
  text = typed;
  live.edited("a");
};
const verdictOf = (id: string) => {
  const scanned = live.get(id);
  return { current: scanned?.current, rule: scanned?.analysis?.verdict.rule };
};

test("scans once nobody typed for a while, and only the last text", async () => {
  for (const typed of ["i", "im", "imp"]) {
    type(typed);
    await vi.advanceTimersByTimeAsync(SCAN_AFTER_MS - 1);
  }
  const before = asked.length;
  await vi.advanceTimersByTimeAsync(1);
  asked[0]?.answer();
  await vi.advanceTimersByTimeAsync(0);
  expect({ before, asked: asked.map((one) => one.text), shown, verdict: verdictOf("a") }).toEqual({
    before: 0,
    asked: ["imp"],
    shown: ["imp"],
    verdict: { current: true, rule: "imp" },
  });
});

test("never shows an answer about an older text", async () => {
  type("old");
  await vi.advanceTimersByTimeAsync(SCAN_AFTER_MS);
  type("new");
  asked[0]?.answer();
  await vi.advanceTimersByTimeAsync(SCAN_AFTER_MS);
  const between = { shown: [...shown], verdict: verdictOf("a") };
  asked[1]?.answer();
  await vi.advanceTimersByTimeAsync(0);
  expect({ between, shown, verdict: verdictOf("a") }).toEqual({
    between: { shown: [], verdict: { current: false, rule: undefined } },
    shown: ["new"],
    verdict: { current: true, rule: "new" },
  });
});

test("a changed text has no verdict until it was scanned again", async () => {
  type("first");
  await vi.advanceTimersByTimeAsync(SCAN_AFTER_MS);
  asked[0]?.answer();
  await vi.advanceTimersByTimeAsync(0);
  type("second");
  expect(verdictOf("a").current).toBe(false);
});

test("keeps nothing behind after a minute of typing at 20 keys a second", async () => {
  for (let key = 0; key < 1200; key += 1) {
    type(`x${key}`);
    await vi.advanceTimersByTimeAsync(50);
  }
  const timers = vi.getTimerCount();
  await vi.advanceTimersByTimeAsync(SCAN_AFTER_MS);
  expect({ timers, asked: asked.map((one) => one.text) }).toEqual({ timers: 1, asked: ["x1199"] });
});

test("says why there is no verdict, and scans again when asked", async () => {
  type("text");
  await vi.advanceTimersByTimeAsync(SCAN_AFTER_MS);
  asked[0]?.fail(new CrusaderError("internal", "The scanner could not be loaded.", "Reload the window."));
  await vi.advanceTimersByTimeAsync(0);
  const failed = live.get("a");
  live.checkAll();
  await vi.advanceTimersByTimeAsync(0);
  asked[1]?.answer();
  await vi.advanceTimersByTimeAsync(0);
  expect({ failed, verdict: verdictOf("a") }).toEqual({
    failed: {
      current: false,
      analysis: null,
      problems: [],
      failure: "The scanner could not be loaded. Reload the window.",
    },
    verdict: { current: true, rule: "text" },
  });
});

test("forgets a closed text, and what was asked about it", async () => {
  type("closed");
  await vi.advanceTimersByTimeAsync(SCAN_AFTER_MS);
  live.forget("a");
  asked[0]?.answer();
  await vi.advanceTimersByTimeAsync(0);
  expect({ state: live.state.getState(), shown }).toEqual({ state: { byBuffer: {} }, shown: [] });
});
