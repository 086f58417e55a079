/** The arena through the contract: from a source to a copy that stays another's, and nothing of a server that a window could trip over. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { Client } from "../../app/common/contract.ts";
import { ArenaServerDouble, codeFor, hashOf } from "../arena-server-double.ts";
import { createValidatorDatabase, insertRows, submissionRow } from "../validator-database.ts";
import { reportOf, TRANSPORTS } from "./harness.ts";

const scripted = { profile: "rehearsal", backend: "scripted", sandbox: "none", repeats: 1 } as const;

async function start() {
  const [transport] = TRANSPORTS;
  if (transport === undefined) throw new Error("no transport");
  const bench = await transport.bench();
  const server = await ArenaServerDouble.start();
  onTestFinished(() => server.close());
  server.put(
    { submission_id: "v1_commit_1000_2", miner_hotkey: "5B", final_score: 55 },
    { submission_id: "v1_commit_1010_3", miner_hotkey: "5C", final_score: 40, code: "pass\n" },
  );
  const client: Client = (await bench.open()).client;
  const { id } = await client.picker.list({});
  const folder = await client.workspace.openFolder({ pickedId: id });
  return { client, server, home: bench.home, folderId: folder.id, pickedId: id };
}

test("from a source to a leader's code, a diff, a copy and a run of it, which never leaves the sandbox", async () => {
  const { client, server, folderId } = await start();
  const place = { kind: "api" as const, address: server.address };
  await client.arena.addSource({ name: "main", place, apiKey: "key-1" });
  const [source] = await client.arena.refresh({});
  expect(source).toMatchObject({ name: "main", hasApiKey: true, problem: null, submissionCount: 2 });
  const board = await client.arena.board({ source: "main", profile: "production-2026-04" });
  expect([board.leader?.submissionId, board.total, board.reward]).toEqual([
    "v1_commit_1000_2",
    2,
    { burnRate: 1, winnerShare: 0 },
  ]);
  const submission = { source: "main", submissionId: "v1_commit_1000_2" };
  const text = codeFor("v1_commit_1000_2");
  expect((await client.arena.submission(submission)).code?.text).toBe(text);
  expect((await client.arena.refreshSubmission(submission)).codeMatches).toBe(true);
  expect((await client.arena.history({ source: "main" })).points.length).toBe(2);
  expect((await client.arena.status({ source: "main" })).finished).toBe(2);
  expect((await client.arena.search({ query: "inner_steps" })).total).toBe(1);
  expect((await client.arena.export({ source: "main", format: "csv" })).text.split("\r\n").length).toBe(4);

  const file = { folderId, name: "leader.py" };
  expect((await client.arena.openAsCopy({ submission, file })).text).toBe(text);
  expect(await reportOf(client.arena.openAsCopy({ submission, file }))).toMatchObject({ code: "conflict" });
  const origin = { ...submission, seenAt: expect.any(String) };
  expect(await client.runs.originOf({ sha256: hashOf(text) })).toEqual({ origin });
  const { version } = await client.workspace.read(file);
  await client.workspace.write({ ...file, text: `${text}# changed\n`, expectedVersion: version });
  await client.workspace.rename({ ...file, newName: "mine.py" });
  const mine = { folderId, name: "mine.py" };
  expect(await client.runs.originOf({ sha256: hashOf(`${text}# changed\n`), file: mine })).toEqual({ origin });
  const diff = await client.arena.diff({ a: { kind: "leader", source: "main" }, b: { kind: "file", file: mine } });
  expect(diff.diff?.split("\n").filter((line) => /^[+-][^+-]/.test(line))).toEqual(["+# changed"]);

  for (const target of [
    { kind: "file" as const, file: mine },
    { kind: "submission" as const, ...submission },
    { kind: "text" as const, name: "train.py", text, file: null },
  ]) {
    for (const sandbox of ["none", "bubblewrap"] as const) {
      expect(await reportOf(client.simulation.start({ ...scripted, sandbox, target }))).toMatchObject({
        code: "foreign_code",
        message: expect.stringContaining("in containers only"),
      });
    }
  }
  const { plan } = await client.simulation.start({
    ...scripted,
    sandbox: "container",
    target: { kind: "submission", ...submission },
  });
  expect(plan.submission).toMatchObject({ name: "v1_commit_1000_2.py", sha256: hashOf(text), origin });
  const own = { kind: "text" as const, name: "train.py", text: "print()", file: null };
  expect((await client.simulation.start({ ...scripted, target: own })).plan.submission.origin).toBeUndefined();
});

test("a validator's database is picked, not named by a path", async () => {
  const { client, home, pickedId } = await start();
  const place = { kind: "database" as const, pickedId };
  expect(await reportOf(client.arena.addSource({ name: "own", place }))).toMatchObject({ code: "not_found" });
  const database = createValidatorDatabase(join(home, "crusades.db"));
  onTestFinished(() => database.close());
  insertRows(database, "submissions", submissionRow("a"));
  await client.arena.addSource({ name: "own", place });
  const stream = await client.arena.watch();
  for await (const _revision of stream) {
    if ((await client.arena.sources())[0]?.submissionCount === 1) break;
  }
  expect((await client.arena.removeSource({ name: "own" }))[0]).toMatchObject({ kind: "kept", submissionCount: 1 });
});

test("a hostile server is an error in words", async () => {
  const { client, server, home } = await start();
  writeFileSync(join(home, "crusades.db"), "none");
  await client.arena.addSource({ name: "main", place: { kind: "api", address: server.address } });
  server.faults.set("*", { kind: "body", body: "<script>alert(1)</script>" });
  const [source] = await client.arena.refresh({});
  expect(source?.problem).toMatchObject({ code: "server_refused", detail: "<script>alert(1)</script>" });
  expect((await client.arena.checkSource({ name: "main" })).problem?.code).toBe("server_refused");
  const board = await client.arena.board({ source: "main", profile: "rehearsal" });
  expect([board.entries, board.leader, board.seenAt]).toEqual([[], null, null]);
  const unknown = { source: "main", submissionId: "../x" };
  expect(await reportOf(client.arena.submission(unknown))).toMatchObject({ code: "not_found" });
  expect(await reportOf(client.arena.submission({ ...unknown, submissionId: "two words" }))).toMatchObject({
    code: "usage",
  });
});
