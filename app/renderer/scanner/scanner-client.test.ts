import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Analysis } from "../../common/scan.ts";
import type { FromScanner, ToScanner } from "./protocol.ts";
import { ScannerClient, type ScannerWorker } from "./scanner-client.ts";

/** Does what the test says; a real worker shows none of these faults when asked. */
class ScriptedWorker implements ScannerWorker {
  onmessage: ScannerWorker["onmessage"] = null;
  onerror: ScannerWorker["onerror"] = null;
  readonly asked: string[] = [];
  terminated = false;
  #lastId = 0;
  readonly policyJson: string | null;

  constructor(policyJson: string | null) {
    this.policyJson = policyJson;
  }

  postMessage(message: ToScanner): void {
    if (message.kind !== "ask") return;
    this.#lastId = message.id;
    this.asked.push(message.question.text);
  }

  terminate(): void {
    this.terminated = true;
  }

  say(message: FromScanner): void {
    this.onmessage?.({ data: message });
  }

  begin(): void {
    this.say({ kind: "begun", id: this.#lastId });
  }

  answer(line: number): void {
    this.say({ kind: "answer", id: this.#lastId, json: JSON.stringify({ line }) });
  }

  break(): void {
    this.say({ kind: "broken", id: this.#lastId });
  }

  die(): void {
    this.onerror?.({ message: "out of memory" });
  }
}

let workers: ScriptedWorker[];
let elsewhere: string[];
let client: ScannerClient;
const last = () => workers.at(-1) as ScriptedWorker;

beforeEach(() => {
  vi.useFakeTimers();
  workers = [];
  elsewhere = [];
  client = new ScannerClient({
    startWorker(policyJson) {
      workers.push(new ScriptedWorker(policyJson));
      return last();
    },
    analyseElsewhere: async (question) => {
      elsewhere.push(question.text);
      if (question.text !== "too deep here") throw new Error("It fails there, too.");
      return about(9);
    },
    timeLimitMs: 500,
    takesWithinMs: 50,
  });
});
afterEach(() => {
  client.close();
  vi.useRealTimers();
});

const about = (line: number): Analysis => ({ ...crash(""), verdict: { ok: false, kind: "security", line, rule: "x" } });
const crash = (why: string): Analysis => ({
  verdict: { ok: false, kind: "security", line: null, rule: "scanner-crash" },
  findings: [
    {
      rule: "scanner-crash",
      line: 1,
      column: 1,
      endLine: 1,
      endColumn: 1,
      message: `${why} Write it in a simpler way.`,
    },
  ],
  strategy: null,
  cudaNeeds: [],
  lints: [],
  fixes: [],
});

test("asks one after the other, once it is loaded", async () => {
  const answers = [client.analyse("a", null), client.analyse("b", 2)];
  const before = [...last().asked];
  last().say({ kind: "ready" });
  last().begin();
  last().answer(1);
  last().begin();
  last().answer(2);
  expect({ before, asked: last().asked, answers: await Promise.all(answers), workers: workers.length }).toEqual({
    before: [],
    asked: ["a", "b"],
    answers: [{ line: 1 }, { line: 2 }],
    workers: 1,
  });
});

test("what nobody waits for any more is not asked, and its late answer is no other question's", async () => {
  const [first, second] = [new AbortController(), new AbortController()];
  const dropped = [client.analyse("old", null, first.signal), client.analyse("older", null, second.signal)];
  const kept = client.analyse("new", null);
  const rejected = Promise.allSettled(dropped);
  last().say({ kind: "ready" });
  last().begin();
  first.abort("typed on");
  second.abort("typed on");
  last().answer(1);
  last().begin();
  last().answer(2);
  expect({ asked: last().asked, kept: await kept, rejected: await rejected }).toEqual({
    asked: ["old", "new"],
    kept: { line: 2 },
    rejected: [
      { status: "rejected", reason: "typed on" },
      { status: "rejected", reason: "typed on" },
    ],
  });
});

test("a text that takes too long is answered for, and the next one gets a fresh worker", async () => {
  const [endless, fine] = [client.analyse("endless", null), client.analyse("fine", null)];
  last().say({ kind: "ready" });
  last().begin();
  vi.advanceTimersByTime(501);
  last().say({ kind: "ready" });
  last().begin();
  last().answer(7);
  expect({ endless: await endless, fine: await fine, ended: workers.map(({ terminated }) => terminated) }).toEqual({
    endless: crash("Scanning takes longer than 0.5 s, which the validator would not wait for."),
    fine: { line: 7 },
    ended: [true, false],
  });
});

test.each([
  ["says so", (worker: ScriptedWorker) => worker.break()],
  ["dies", (worker: ScriptedWorker) => worker.die()],
])("a text that brings the scanner down is answered for where the worker %s", async (_how, fail) => {
  const answer = client.analyse("bad", null);
  last().say({ kind: "ready" });
  last().begin();
  fail(last());
  expect({ answer: await answer, workers: workers.length }).toEqual({
    answer: crash("This file brings the scanner down."),
    workers: 2,
  });
});

test("a question about ranks is answered in its own shape where the text brings the scanner down", async () => {
  const sizes = { batch_size: 1, seq_len: 2, num_samples: 3, num_steps: 4 };
  const answer = client.plan("bad", 2, sizes);
  last().say({ kind: "ready" });
  last().begin();
  last().break();
  const problem = "This file brings the scanner down.";
  expect(await answer).toEqual({ verdict: crash(problem).verdict, declared: null, problem, plan: null });
});

test("a text that only this scanner fails at is analysed elsewhere, but not one that nobody waits for", async () => {
  const answer = client.analyse("too deep here", null);
  last().say({ kind: "ready" });
  last().begin();
  last().break();
  const turn = new AbortController();
  const dropped = client.analyse("left", null, turn.signal).catch((reason: unknown) => reason);
  last().say({ kind: "ready" });
  last().begin();
  turn.abort("typed on");
  last().break();
  expect({ answer: await answer, dropped: await dropped, elsewhere }).toEqual({
    answer: about(9),
    dropped: "typed on",
    elsewhere: ["too deep here"],
  });
});

test("a worker that was gone before it saw the question is no fault of the text", async () => {
  client.load();
  last().say({ kind: "ready" });
  const answer = client.analyse("fine", null);
  vi.advanceTimersByTime(51);
  last().say({ kind: "ready" });
  last().begin();
  last().answer(3);
  expect({ answer: await answer, asked: workers.map(({ asked }) => asked) }).toEqual({
    answer: { line: 3 },
    asked: [["fine"], ["fine"]],
  });
});

test("a scanner that cannot be loaded says so, and is tried again with the next question", async () => {
  const first = client.analyse("a", null).catch((thrown: unknown) => thrown);
  last().say({ kind: "failed", reason: "not served" });
  const failed = { answer: await first, state: client.state.getState() };
  const second = client.analyse("b", null);
  last().say({ kind: "ready" });
  last().begin();
  last().answer(1);
  expect({ failed, second: await second, status: client.state.getState().status }).toEqual({
    failed: {
      answer: expect.objectContaining({ code: "internal", message: "The scanner could not be loaded." }),
      state: { status: "failed", reason: "not served" },
    },
    second: { line: 1 },
    status: "ready",
  });
});

test("other rules hold for what is being asked, too", async () => {
  const answer = client.analyse("a", null);
  last().say({ kind: "ready" });
  last().begin();
  client.setPolicy("{}");
  last().say({ kind: "ready" });
  last().begin();
  last().answer(4);
  expect({ answer: await answer, policies: workers.map(({ policyJson }) => policyJson) }).toEqual({
    answer: { line: 4 },
    policies: [null, "{}"],
  });
});
