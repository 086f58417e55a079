import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import {
  type ArenaFault,
  ArenaServerDouble,
  codeFor,
  doubleEvaluation,
  hashOf,
} from "../../../../e2e/arena-server-double.ts";
import { FileSecrets } from "../settings/index.ts";
import { ArenaService, type BoardRules, submissionsAsCsv } from "./index.ts";

const RULES: BoardRules = {
  threshold: { baseThreshold: 0.01, decayPercent: 0.05, decayIntervalBlocks: 100 },
  secondsPerBlock: 12,
  burnRate: 1,
};
const NOW = Date.parse("2026-04-05T12:00:00Z");

async function bench(options: Partial<ConstructorParameters<typeof ArenaService>[0]> = {}) {
  const dataFolder = mkdtempSync(join(tmpdir(), "crusader-arena-"));
  const server = await ArenaServerDouble.start();
  const secrets = new FileSecrets({ dataFolder });
  const own: string[] = [];
  const make = () =>
    new ArenaService({
      dataFolder,
      secrets,
      ownHotkeys: () => own,
      bestRun: () => null,
      runsOf: () => [],
      isOwnCode: () => false,
      now: () => NOW,
      random: () => 0.5,
      ...options,
    });
  const arena = make();
  onTestFinished(async () => {
    await arena.close();
    await server.close();
    rmSync(dataFolder, { recursive: true });
  });
  arena.add({ name: "main", place: { kind: "api", address: server.address } }, null);
  return { arena, server, dataFolder, own, make };
}

const ids = (list: { submissionId: string }[]) => list.map(({ submissionId }) => submissionId);

function putBoard(server: ArenaServerDouble) {
  server.put(
    {
      submission_id: "v1_commit_900_1",
      final_score: 50,
      created_at: "2026-04-05T08:00:00",
      evaluations: [doubleEvaluation("e1", 50), doubleEvaluation("e2", 50.5), doubleEvaluation("e3", null, "timeout")],
    },
    {
      submission_id: "v1_commit_1000_2",
      miner_hotkey: "5B",
      miner_uid: 2,
      final_score: 55,
      created_at: "2026-04-05T09:00:00Z",
    },
    {
      submission_id: "v1_commit_1050_3",
      miner_hotkey: "5Own",
      miner_uid: 3,
      final_score: 55.9,
      created_at: "2026-04-05T12:30:00+02:00",
    },
    {
      submission_id: "v1_commit_1060_4",
      status: "failed_evaluation",
      final_score: null,
      created_at: "2026-04-05T11:00:00",
      error_message: "token_count_mismatch: expected 1\u202e",
    },
    {
      submission_id: "v1_commit_1070_5",
      status: "evaluating",
      final_score: null,
      created_at: "2026-04-05T11:30:00",
      code: null,
    },
  );
}

test("a server's board, history and status are there when the server is not", async () => {
  const { arena, server, own } = await bench({ bestRun: () => ({ runId: "12", score: 56.2 }) });
  own.push("5Own");
  putBoard(server);
  const [source] = await arena.refresh("main");
  expect(source).toEqual({
    name: "main",
    kind: "api",
    place: server.address,
    isPlain: false,
    hasApiKey: false,
    seenAt: "2026-04-05T12:00:00.000Z",
    triedAt: "2026-04-05T12:00:00.000Z",
    problem: null,
    notes: [],
    submissionCount: 5,
    codeCount: 4,
  });
  await server.close();
  const [away] = await arena.refresh();
  expect([away?.problem?.code, away?.seenAt]).toEqual(["server_unreachable", source?.seenAt]);

  const board = arena.board("main", RULES);
  expect(
    board.entries.map((entry) => [entry.rank, entry.scoreRank, entry.submissionId, entry.isOwn, entry.zoneAssumed]),
  ).toEqual([
    [1, 2, "v1_commit_1000_2", false, false],
    [2, 1, "v1_commit_1050_3", true, false],
    [3, 3, "v1_commit_900_1", false, true],
  ]);
  expect(board.entries[1]).toEqual({
    source: "main",
    submissionId: "v1_commit_1050_3",
    hotkey: "5Own",
    uid: 3,
    isOwn: true,
    state: "finished",
    status: "finished",
    score: 55.9,
    evaluationCount: 0,
    createdAt: "2026-04-05T10:30:00.000Z",
    zoneAssumed: false,
    updatedAt: "2026-04-05T11:00:00.000Z",
    commitBlock: 1050,
    error: null,
    errorCode: null,
    codeSha256: hashOf(codeFor("v1_commit_1050_3")),
    isListed: true,
    rank: 2,
    scoreRank: 1,
  });
  expect({ ...board, entries: [], leader: board.leader?.submissionId, problem: board.problem?.code }).toEqual({
    source: "main",
    seenAt: "2026-04-05T12:00:00.000Z",
    problem: "server_unreachable",
    entries: [],
    total: 3,
    unlisted: 0,
    leader: "v1_commit_1000_2",
    threshold: {
      state: { current: 0.1, lastUpdateBlock: 1000 },
      lastImprovement: 0.1,
      updatedAt: "2026-04-05T10:00:00.000Z",
      rules: RULES.threshold,
      // The decayed threshold is that of block 1100, which is after every submission's.
      block: 1100,
      blockFrom: "source",
      now: expect.closeTo(0.0955, 12),
      sourceNow: 0.0955,
      scoreToPass: expect.closeTo(55 * 1.0955, 9),
    },
    own: [
      {
        score: 55.9,
        from: { kind: "submission", submissionId: "v1_commit_1050_3" },
        isLeader: false,
        // 55.9 / 55 = 1.01636...: 0.09 * 0.95 ** (n / 100) < 0.00636... from n = 5164.6 on.
        passesAtBlock: 6165,
        passesAtTime: new Date(NOW + (6165 - 1100) * 12_000).toISOString(),
      },
      {
        score: 56.2,
        from: { kind: "run", runId: "12" },
        isLeader: false,
        passesAtBlock: 1000 + Math.ceil((Math.log((56.2 / 55 - 1.01) / 0.09) / Math.log(0.95)) * 100),
        passesAtTime: expect.any(String),
      },
    ],
    reward: { burnRate: 1, winnerShare: 0 },
    secondsPerBlock: 12,
    notes: ["The source itself names v1_commit_1050_3 as place 1; by the leader rule it is v1_commit_1000_2."],
  });
  // Much later only the base is left.
  const later = arena.board("main", RULES, { block: 50_000, limit: 1, offset: 1 });
  expect([later.threshold.blockFrom, later.leader?.submissionId, ids(later.entries), later.total]).toEqual([
    "asked",
    "v1_commit_1050_3",
    ["v1_commit_1000_2"],
    3,
  ]);

  const history = arena.history("main");
  expect(history.best).toEqual([
    { at: "2026-04-05T08:00:00.000Z", score: 50, submissionId: "v1_commit_900_1" },
    { at: "2026-04-05T09:00:00.000Z", score: 55, submissionId: "v1_commit_1000_2" },
    { at: "2026-04-05T10:30:00.000Z", score: 55.9, submissionId: "v1_commit_1050_3" },
  ]);
  expect(history.points.map(({ submissionId, state, errorCode }) => [submissionId, state, errorCode])).toEqual([
    ["v1_commit_900_1", "finished", null],
    ["v1_commit_1000_2", "finished", null],
    ["v1_commit_1050_3", "finished", null],
    ["v1_commit_1060_4", "failed", "token_count_mismatch"],
    ["v1_commit_1070_5", "waiting", null],
  ]);

  const { queue, recent, ...status } = arena.status("main");
  expect([ids(queue), ids(recent)[0]]).toEqual([["v1_commit_1070_5"], "v1_commit_1070_5"]);
  expect(status).toEqual({
    source: "main",
    seenAt: "2026-04-05T12:00:00.000Z",
    status: "running",
    currentEvaluation: null,
    uptime: "3d 4h",
    evaluationsLastHour: 3,
    submissionsLastDay: 5,
    activeMiners: 3,
    countsFrom: "source",
    queued: 0,
    running: 1,
    finished: 3,
    failed: 1,
    averageScore: 50,
    successPercent: 71.4,
  });
});

test("a submission: evaluations with their spread, code held to its hash, who else has it", async () => {
  const { arena, server } = await bench({ runsOf: (sha256) => [sha256.slice(0, 4)] });
  putBoard(server);
  const code = codeFor("v1_commit_900_1");
  server.put({
    submission_id: "v1_commit_950_8",
    code,
    status: "failed_validation",
    created_at: "2026-04-05T08:30:00",
  });
  await arena.refresh();
  const shown = arena.submission({ source: "main", submissionId: "v1_commit_950_8" });
  expect({ ...shown, submission: shown.submission.submissionId, evaluations: [] }).toEqual({
    submission: "v1_commit_950_8",
    seenAt: "2026-04-05T12:00:00.000Z",
    codeUrl: "https://gist.example/v1_commit_950_8",
    specVersion: "5",
    paymentVerified: true,
    evaluations: [],
    spread: null,
    code: {
      text: code,
      sha256: hashOf(code),
      bytes: code.length,
      lines: 7,
      longestLineCharacters: 80,
      isText: true,
      hiddenCount: 0,
      hidden: [],
    },
    codeProblem: "",
    codeHash: hashOf(code).slice(0, 32),
    codeMatches: true,
    sameCode: [{ source: "main", submissionId: "v1_commit_900_1" }],
    previousId: "v1_commit_900_1",
    leaderId: "v1_commit_1000_2",
    runIds: [hashOf(code).slice(0, 4)],
  });
  const { evaluations, spread } = arena.submission({ source: "main", submissionId: "v1_commit_900_1" });
  expect(spread).toEqual({ count: 2, lowest: 50, lowMedian: 50, highest: 50.5, spreadPercent: 1 });
  expect(evaluations[2]).toEqual({
    evaluationId: "e3",
    evaluator: "5Validator",
    mfu: null,
    tokensPerSecond: null,
    totalTokens: 327_680,
    wallSeconds: 41.5,
    success: false,
    error: "timeout",
    errorCode: null,
    createdAt: "2026-04-05T10:30:00.000Z",
  });
  const waiting = arena.submission({ source: "main", submissionId: "v1_commit_1070_5" });
  expect([waiting.code, waiting.codeProblem !== "", waiting.codeMatches]).toEqual([null, true, null]);
  expect(() => arena.submission({ source: "main", submissionId: "none" })).toThrow("main has no submission none.");
});

test("code that hides, that is not what was committed, and that is stored later", async () => {
  const { arena, server } = await bench();
  const hostile = `x = 1\u202e\n${"y".repeat(10_000)}\n\u200b\0`;
  server.put(
    { submission_id: "a", code: hostile, code_hash: "f".repeat(32) },
    { submission_id: "b", code: null, status: "evaluating", final_score: null, code_hash: "not a hash" },
  );
  await arena.refresh();
  const { code, codeMatches } = arena.submission({ source: "main", submissionId: "a" });
  expect([code?.text, code?.longestLineCharacters, code?.hiddenCount, code?.hidden, codeMatches]).toEqual([
    `x = 1\ufffd\n${"y".repeat(10_000)}\n\ufffd\ufffd`,
    10_000,
    3,
    [
      { line: 1, column: 6, codePoint: "U+202E" },
      { line: 3, column: 1, codePoint: "U+200B" },
      { line: 3, column: 2, codePoint: "U+0000" },
    ],
    false,
  ]);
  expect(() => arena.code({ source: "main", submissionId: "b" })).toThrow("No code of b is kept.");
  server.put({ submission_id: "b", code: codeFor("b"), code_hash: "not a hash" });
  const stored = await arena.refreshSubmission({ source: "main", submissionId: "b" });
  expect([stored.code?.text, stored.submission.state, stored.codeMatches]).toEqual([codeFor("b"), "finished", null]);
});

test.each<[string, ArenaFault, string]>([
  [
    "HTML",
    { kind: "body", body: "<!doctype html><script>alert(1)</script>" },
    "It answered with a page, where JSON belongs.",
  ],
  ["no JSON", { kind: "body", body: "{" }, "Its answer is no JSON."],
  ["no UTF-8", { kind: "body", body: Buffer.from([0x22, 0xff, 0x22]) }, "Its answer is no JSON."],
  [
    "a redirect",
    { kind: "status", status: 302, headers: { location: "http://127.0.0.1:1/" } },
    "It redirects (302), which is not followed.",
  ],
  ["401", { kind: "status", status: 401 }, "It wants an API key."],
  ["429", { kind: "status", status: 429, headers: { "retry-after": "60" } }, "It is asked too often (429)."],
  ["500", { kind: "status", status: 500, body: "boom" }, "It failed itself (500)."],
  ["304 unasked", { kind: "status", status: 304 }, "It redirects (304), which is not followed."],
  ["no end", { kind: "endless" }, "the answer is larger than 4.0 MiB."],
  ["a cut", { kind: "cut" }, "the connection broke."],
])("a server that answers with %s is an error, and the last snapshot stays", async (_name, fault, words) => {
  const { arena, server } = await bench();
  server.hasTags = false;
  putBoard(server);
  await arena.refresh();
  const before = arena.board("main", RULES);
  server.faults.set("*", fault);
  const [source] = await arena.refresh();
  expect(source?.problem?.message).toContain(words);
  expect(source?.seenAt).toBe("2026-04-05T12:00:00.000Z");
  expect({ ...arena.board("main", RULES), problem: null }).toEqual(before);
  server.faults.clear();
  const [again] = await arena.refresh();
  expect(again?.problem).toBeNull();
});

test("a part that does not come, or in another shape, is a note; the rest counts", async () => {
  const { arena, server } = await bench();
  putBoard(server);
  server.faults.set("/api/stats/threshold", { kind: "body", body: '{"threshold": "high"}' });
  server.faults.set("/api/stats/history", { kind: "body", body: '"none"' });
  server.faults.set("/api/stats/recent", { kind: "status", status: 500 });
  const [source] = await arena.refresh();
  expect([source?.problem, source?.notes]).toEqual([
    null,
    [
      `/api/stats/recent: main (${server.address}): It failed itself (500).`,
      "/api/stats/history answered in another shape than production's.",
      "/api/stats/threshold answered in another shape than production's.",
    ],
  ]);
  const { threshold, total } = arena.board("main", RULES);
  expect([total, threshold.state, threshold.now]).toEqual([3, null, 0.01]);
});

test("rows without ids, twice, of other types and out of bounds", async () => {
  const { arena, server } = await bench();
  const hostile = '<img src=x onerror="alert(1)">\u001b]0;title\u0007\u2066';
  const rows = [
    { submission_id: "a", final_score: 40, created_at: "2026-04-05T08:00:00" },
    { submission_id: "a", final_score: 41, created_at: "2026-04-05T08:00:00" },
    { submission_id: "b", final_score: 1e308, miner_uid: -1, miner_hotkey: hostile },
    { submission_id: "c", final_score: "55", miner_uid: 2.5 },
    {
      submission_id: "d",
      final_score: 39,
      miner_hotkey: "x".repeat(1_000),
      created_at: "yesterday",
      miner_uid: 70_000,
    },
    { submission_id: "../../health", final_score: 99 },
    { submission_id: "..", final_score: 99 },
    { submission_id: "two words", final_score: 99 },
    { final_score: 99 },
    null,
    "row",
    [],
  ];
  server.faults.set("/leaderboard", { kind: "body", body: JSON.stringify({ leaderboard: rows, total: 3 }) });
  const [source] = await arena.refresh();
  expect([source?.problem, source?.notes]).toEqual([
    null,
    ["/leaderboard: 6 rows were left out, as nothing in them can be a submission's id, or they are too many."],
  ]);
  const { entries } = arena.board("main", RULES);
  // Of two rows of one id the choice is the same in any order; a path in an id is asked for as one word.
  expect(
    entries.map(({ submissionId, score, hotkey, uid, createdAt }) => [submissionId, score, hotkey, uid, createdAt]),
  ).toEqual([
    ["../../health", 99, null, null, null],
    ["a", 41, null, null, "2026-04-05T08:00:00.000Z"],
    ["d", 39, `${"x".repeat(200)}...`, null, null],
  ]);
  expect(arena.submission({ source: "main", submissionId: "b" }).submission).toMatchObject({
    hotkey: '<img src=x onerror="alert(1)">\ufffd]0;title\ufffd\ufffd',
    score: null,
    uid: null,
    state: "unknown",
  });
  expect(server.asked()).toContain("/api/submissions/..%2F..%2Fhealth");
});

test("what has not changed is not sent again, and details are asked for once", async () => {
  const { arena, server } = await bench();
  putBoard(server);
  await arena.refresh();
  server.requests.splice(0);
  const [source] = await arena.refresh();
  expect([source?.problem, source?.submissionCount]).toEqual([null, 5]);
  expect(server.requests.map(({ path, status }) => [path.replace(/\?.*/, ""), status]).toSorted()).toEqual([
    ["/api/stats/history", 304],
    ["/api/stats/overview", 200],
    ["/api/stats/queue", 200],
    ["/api/stats/recent", 304],
    ["/api/stats/threshold", 200],
    ["/api/stats/validator", 200],
    ["/leaderboard", 304],
  ]);
  server.requests.splice(0);
  server.put({
    submission_id: "v1_commit_1070_5",
    final_score: 58,
    miner_hotkey: "5C",
    miner_uid: 5,
    created_at: "2026-04-05T11:30:00",
  });
  await arena.refresh();
  expect(server.asked().filter((path) => path.startsWith("/api/submissions/"))).toEqual([
    "/api/submissions/v1_commit_1070_5",
    "/api/submissions/v1_commit_1070_5/evaluations",
  ]);
  expect(arena.board("main", RULES).entries[0]?.submissionId).toBe("v1_commit_1000_2");
});

test("what the board names no longer is on no board, and in the history", async () => {
  const { arena, server } = await bench();
  putBoard(server);
  await arena.refresh();
  server.submissions.splice(1, 1);
  await arena.refresh();
  const board = arena.board("main", RULES);
  expect([ids(board.entries), board.unlisted]).toEqual([["v1_commit_900_1", "v1_commit_1050_3"].toReversed(), 1]);
  expect(ids(arena.history("main").points)).toContain("v1_commit_1000_2");
  expect(arena.submission({ source: "main", submissionId: "v1_commit_1000_2" }).code?.text).toBe(
    codeFor("v1_commit_1000_2"),
  );
});

test("the board is the same whichever answer comes first", async () => {
  const paths = ["/leaderboard", "/api/stats/recent", "/api/stats/history", "/api/submissions/v1_commit_900_1"];
  const boards = await Promise.all(
    [null, ...paths].map(async (held) => {
      const { arena, server } = await bench();
      putBoard(server);
      // The board says less than the details do, and the two do not agree.
      server.faults.set("/api/stats/recent", {
        kind: "body",
        body: JSON.stringify([
          { submission_id: "v1_commit_900_1", status: "evaluating", final_score: 12 },
          { submission_id: "v1_commit_900_1", status: "finished", final_score: 51 },
        ]),
      });
      const { promise, resolve } = Promise.withResolvers<void>();
      if (held !== null && held !== "/api/stats/recent") server.faults.set(held, { kind: "held", until: promise });
      const refreshed = arena.refresh();
      if (held !== null) await server.until(() => server.requests.length >= 4);
      resolve();
      await refreshed;
      return arena.board("main", RULES).entries;
    }),
  );
  for (const board of boards) expect(board).toEqual(boards[0]);
});

test("an API key is sent to its address, is kept among the secrets, and goes with the address", async () => {
  const { arena, server, dataFolder } = await bench();
  server.apiKey = "key-1";
  putBoard(server);
  const place = { kind: "api" as const, address: server.address };
  const [keyed] = arena.add({ name: "main", place }, "key-1", { replace: true });
  expect(keyed?.hasApiKey).toBe(true);
  const [source] = await arena.refresh();
  expect([source?.problem, new Set(server.requests.map(({ apiKey }) => apiKey))]).toEqual([null, new Set(["key-1"])]);
  expect(readFileSync(join(dataFolder, "arena-sources.json"), "utf8")).not.toContain("key-1");
  // A server that repeats it is not repeated.
  arena.add({ name: "main", place }, "key-1-and-more", { replace: true });
  server.apiKey = "key-1-and-more";
  server.put({ submission_id: "echo", miner_hotkey: "your key: key-1-and-more", final_score: 99 });
  await arena.refresh();
  expect(arena.submission({ source: "main", submissionId: "echo" }).submission.hotkey).toBe("your key: <token>");
  server.faults.set("*", { kind: "body", body: "<p>key-1-and-more" });
  expect((await arena.refresh())[0]?.problem?.detail).toBe("<p><token>");
  server.faults.clear();
  server.apiKey = "key-1";
  arena.add({ name: "main", place }, "key-1", { replace: true });
  expect(() => arena.add({ name: "main", place }, null)).toThrow(/There is a source named main already/);
  expect(arena.add({ name: "main", place }, null, { replace: true, keepApiKey: true })[0]?.hasApiKey).toBe(true);
  const elsewhere = { kind: "api" as const, address: "http://thief.example" };
  const [moved] = arena.add({ name: "main", place: elsewhere }, null, { replace: true, keepApiKey: true });
  expect([moved?.hasApiKey, moved?.isPlain]).toEqual([false, true]);
});

test("a source that is removed leaves what was seen of it, until that is forgotten too", async () => {
  const { arena, server } = await bench();
  putBoard(server);
  await arena.refresh();
  expect(arena.remove("main", false)).toEqual([
    expect.objectContaining({ name: "main", kind: "kept", place: "", submissionCount: 5 }),
  ]);
  expect(arena.board("main", RULES).total).toBe(3);
  expect(arena.remove("main", true)).toEqual([]);
  expect(() => arena.board("main", RULES)).toThrow("There is no source named main.");
  expect(arena.search({ query: "inner_steps", own: false, limit: 10, offset: 0 }).total).toBe(0);
});

test("check says whether it answers, and changes nothing", async () => {
  const { arena, server } = await bench();
  expect((await arena.check("main")).problem).toBeNull();
  server.faults.set("/leaderboard", { kind: "body", body: '{"status": "healthy"}' });
  expect((await arena.check("main")).problem?.message).toContain("another shape than production's board");
  expect(arena.sources()[0]?.seenAt).toBeNull();
  await expect(arena.check("none")).rejects.toThrow("There is no source named none.");
});

test("who watches hears of what a server says later, and nobody asks once nobody watches", async () => {
  const { arena, server } = await bench({ pollEveryMs: 10, lookEveryMs: 10, now: Date.now });
  putBoard(server);
  const watching = new AbortController();
  const revisions = arena.watch(watching.signal);
  const until = async (holds: () => boolean) => {
    while (!holds()) await revisions.next();
  };
  await until(() => arena.sources()[0]?.codeCount === 4);
  server.put({ submission_id: "v1_commit_2000_9", final_score: 70, created_at: "2026-04-06T08:00:00" });
  await until(() => arena.board("main", RULES).leader?.submissionId === "v1_commit_2000_9");
  server.faults.set("*", { kind: "status", status: 503 });
  await until(() => arena.sources()[0]?.problem !== null);
  expect(arena.board("main", RULES).leader?.submissionId).toBe("v1_commit_2000_9");
  watching.abort();
  await revisions.return(undefined);
  await arena.close();
  const asked = server.requests.length;
  await server.close();
  expect(server.requests.length).toBe(asked);
});

test("another process sees what one has read", async () => {
  const { arena, server, make } = await bench();
  const other = make();
  onTestFinished(() => other.close());
  expect(other.sources()[0]?.submissionCount).toBe(0);
  putBoard(server);
  await arena.refresh();
  expect(other.board("main", RULES)).toEqual(arena.board("main", RULES));
});

test("a damaged archive is set aside and filled again", async () => {
  const { arena, server, make, dataFolder } = await bench();
  putBoard(server);
  await arena.refresh();
  await arena.close();
  writeFileSync(join(dataFolder, "arena.db"), "no database at all, but longer than a header of one".repeat(100));
  const next = make();
  onTestFinished(() => next.close());
  expect(() => next.sources()).toThrow("What was kept of the arena is damaged; it was set aside.");
  expect(next.setAside?.file).toContain("arena.db.damaged-");
  await next.refresh();
  expect(next.board("main", RULES).total).toBe(3);
});

test("a diff against the leader, the author's one before, another submission and bytes", async () => {
  const { arena, server } = await bench();
  putBoard(server);
  server.put({
    submission_id: "v1_commit_1080_1",
    created_at: "2026-04-05T11:40:00",
    code: `${codeFor("v1_commit_900_1")}# more\u202e\n`,
    final_score: 20,
  });
  await arena.refresh();
  const a = { kind: "submission" as const, source: "main", submissionId: "v1_commit_1080_1" };
  const previous = await arena.diff({ kind: "previous" }, a);
  // The failed one is of the same hotkey, and nearer; the waiting one has no code.
  expect(previous.a.title).toBe("v1_commit_1060_4 (the author's one before)");
  const base = await arena.diff({ kind: "submission", source: "main", submissionId: "v1_commit_900_1" }, a);
  expect([base.identical, base.diff?.split("\n").filter((line) => /^[+-]/.test(line))]).toEqual([
    false,
    ["--- v1_commit_900_1", "+++ v1_commit_1080_1", "+# more\ufffd"],
  ]);
  expect((await arena.diff({ kind: "leader", source: "main" }, a)).a.title).toBe("v1_commit_1000_2 (leader)");
  const bytes = Buffer.from(codeFor("v1_commit_900_1"));
  const same = await arena.diff(
    { kind: "bytes", title: "train.py", bytes },
    { kind: "submission", source: "main", submissionId: "v1_commit_900_1" },
  );
  expect([same.identical, same.diff]).toEqual([true, ""]);
  await expect(
    arena.diff({ kind: "previous" }, { kind: "submission", source: "main", submissionId: "v1_commit_900_1" }),
  ).rejects.toThrow("Its author has none before it.");
});

test("a diff reads what nobody has looked at closer yet from its source", async () => {
  const { arena, server } = await bench();
  for (let index = 0; index < 100; index += 1) {
    server.put({ submission_id: `v1_commit_${1000 + index}_1`, final_score: 30, code: `x = ${index}\n` });
  }
  await arena.refresh();
  const submissions = arena.export("main", false).map(({ submissionId }) => submissionId);
  const unread = submissions.find((id) => arena.submission({ source: "main", submissionId: id }).code === null);
  const read = submissions.find((id) => arena.submission({ source: "main", submissionId: id }).code !== null);
  const sides = [unread, read].map((id) => ({ kind: "submission" as const, source: "main", submissionId: id ?? "" }));
  const [a, b] = sides as [(typeof sides)[0], (typeof sides)[0]];
  await expect(arena.diff(a, b, { offline: true })).rejects.toThrow(`No code of ${unread} is kept.`);
  expect((await arena.diff(a, b)).a.text).toBe(`x = ${Number(unread?.split("_")[2]) - 1000}\n`);
  expect(arena.submission(a).code).not.toBeNull();
});

test("search over code and what is beside it", async () => {
  const { arena, server, own } = await bench();
  own.push("5Own");
  putBoard(server);
  server.put({
    submission_id: "v1_commit_1100_6",
    final_score: 30,
    code: "import torch\nx = torch.nn.functional.scaled_dot_product_attention(q, k)\u202e\n",
  });
  await arena.refresh();
  const search = (query: string, more: object = {}) =>
    arena.search({ query, own: false, limit: 50, offset: 0, ...more });
  const found = (query: string, more: object = {}) =>
    ids(search(query, more).results.map(({ submission }) => submission));
  expect(search("dot_product").results[0]?.line).toEqual({
    number: 2,
    text: "x = torch.nn.functional.scaled_dot_product_attention(q, k)\ufffd",
  });
  expect(found("torch.nn.func DOT")).toEqual(["v1_commit_1100_6"]);
  expect(found("token_count_mismatch")).toEqual(["v1_commit_1060_4"]);
  expect(found("v1_commit_1050")).toEqual(["v1_commit_1050_3"]);
  expect(found("5B")).toEqual(["v1_commit_1000_2"]);
  expect(found("inner_steps", { own: true })).toEqual(["v1_commit_1050_3"]);
  expect(found("", { state: "waiting" })).toEqual(["v1_commit_1070_5"]);
  expect(found("inner_steps")).toEqual(["v1_commit_1050_3", "v1_commit_1000_2", "v1_commit_900_1", "v1_commit_1060_4"]);
  expect(search("inner_steps", { limit: 1, offset: 1 })).toMatchObject({
    total: 4,
    results: [{ submission: { score: 55 } }],
  });
  expect(search("inner_steps", { offset: 40 })).toEqual({ total: 4, results: [] });
  for (const query of ['"', "( OR *", "NEAR(", "''", "code:torch AND", "^"]) expect(search(query).total).toBe(0);
});

test("a copy is another's: where it lies, however it is changed, and by its bytes anywhere", async () => {
  const { arena, server, own, dataFolder } = await bench();
  putBoard(server);
  await arena.refresh();
  const reference = { source: "main", submissionId: "v1_commit_1000_2" };
  const origin = { ...reference, seenAt: "2026-04-05T12:00:00.000Z" };
  const { bytes, sha256, origin: known } = arena.code(reference);
  const file = join(dataFolder, "leader.py");
  arena.noteCopy(file, reference);
  writeFileSync(file, bytes);
  expect([known, arena.originOf(file, sha256), arena.originOf("elsewhere.py", sha256)]).toEqual([
    origin,
    origin,
    origin,
  ]);
  expect(arena.originOf(file, hashOf("changed"))).toEqual(origin);
  const renamed = join(dataFolder, "mine.py");
  renameSync(file, renamed);
  arena.noteMoved(file, renamed);
  expect([arena.originOf(file, hashOf("changed")), arena.originOf(renamed, hashOf("changed"))]).toEqual([
    undefined,
    origin,
  ]);
  own.push("5Own");
  expect(arena.originOfCode(hashOf("never seen"))).toBeUndefined();
});

test("what the user's own hotkey submitted, and what is the user's own, is no other's", async () => {
  const mine = hashOf(codeFor("v1_commit_900_1"));
  const { arena, server, own } = await bench({ isOwnCode: (sha256) => sha256 === mine });
  own.push("5Own");
  putBoard(server);
  await arena.refresh();
  expect([arena.originOfCode(mine), arena.originOfCode(hashOf(codeFor("v1_commit_1050_3")))]).toEqual([
    undefined,
    undefined,
  ]);
});

test("standings: the source that answered last, and one's own submission on its board", async () => {
  const { arena, server } = await bench();
  expect(arena.standing()).toBeNull();
  putBoard(server);
  await arena.refresh();
  arena.add({ name: "away", place: { kind: "api", address: "http://127.0.0.1:1" } }, null);
  expect(arena.standing()).toEqual({
    source: "main",
    seenAt: "2026-04-05T12:00:00.000Z",
    leader: { submissionId: "v1_commit_1000_2", hotkey: "5B", uid: 2, score: 55 },
    threshold: { current: 0.1, lastUpdateBlock: 1000 },
  });
  const revealed = {
    hotkey: "5Own",
    uid: 3,
    codeHash: hashOf(codeFor("v1_commit_1050_3")).slice(0, 32),
    url: "https://gist.example/v1_commit_1050_3",
    revealedBlock: 1071,
  };
  const evaluated = {
    source: "main",
    submissionId: "v1_commit_1050_3",
    status: "finished",
    score: 55.9,
    rank: 2,
    error: null,
    seenAt: "2026-04-05T12:00:00.000Z",
  };
  expect(arena.evaluationOf(revealed)).toEqual(evaluated);
  expect(arena.evaluationOf({ ...revealed, uid: null, revealedBlock: null, url: "" })).toEqual(evaluated);
  expect(arena.evaluationOf({ ...revealed, hotkey: "5B" })).toBeNull();
  expect(arena.evaluationOf({ ...revealed, codeHash: "0".repeat(32) })).toBeNull();
  // The same code once more, an interval later, is another submission.
  expect(arena.evaluationOf({ ...revealed, revealedBlock: 1500 })).toBeNull();
});

test("an export has everything of a source, with its code where asked", async () => {
  const { arena, server } = await bench();
  putBoard(server);
  await arena.refresh();
  const plain = arena.export("main", false);
  expect([plain.length, plain.some((each) => "code" in each)]).toEqual([5, false]);
  expect(arena.export("main", true).find(({ submissionId }) => submissionId === "v1_commit_900_1")).toMatchObject({
    code: codeFor("v1_commit_900_1"),
    codeUrl: "https://gist.example/v1_commit_900_1",
    evaluations: [{ evaluationId: "e1" }, { evaluationId: "e2" }, { evaluationId: "e3" }],
  });
  expect(submissionsAsCsv(plain.slice(0, 1)).split("\r\n")).toEqual([
    "source,submission_id,hotkey,uid,own,state,status,score_mfu_percent,evaluations,created_at,commit_block,error_code,error,code_sha256,listed",
    `main,v1_commit_1000_2,5B,2,false,finished,finished,55,0,2026-04-05T09:00:00.000Z,1000,,,${hashOf(codeFor("v1_commit_1000_2"))},true`,
    "",
  ]);
});
