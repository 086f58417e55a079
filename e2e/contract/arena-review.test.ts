/** The review of a submission through the contract: findings at the lines that are shown, techniques, notes and the report. */
import { expect, onTestFinished, test } from "vitest";
import type { Client } from "../../app/common/contract.ts";
import { ArenaServerDouble } from "../arena-server-double.ts";
import { reportOf, TRANSPORTS } from "./harness.ts";

const steps = (body: string) =>
  `import torch\n\n\ndef inner_steps(model, data_iterator, optimizer, num_steps, device, num_gpus=1):\n${body}`;
const COMPILED = steps("    model = torch.compile(model)\n");
const REDUCED = steps('    torch.set_float32_matmul_precision("high")\n    model = torch.compile(model)\n');
// Two lines more for Python than are shown, and a name that is turned around.
const HIDDEN = `# first\r# second\rimport os\n# \u202Ename\n${steps("    pass # `|x|` </script>\n")}`;

async function start() {
  const [transport] = TRANSPORTS;
  if (transport === undefined) throw new Error("no transport");
  const bench = await transport.bench();
  const server = await ArenaServerDouble.start();
  onTestFinished(() => server.close());
  const at = (hour: number) => ({ created_at: `2026-04-05T0${hour}:00:00` });
  server.put(
    { submission_id: "v1_commit_1000_2", final_score: 40, code: COMPILED, ...at(1) },
    { submission_id: "v1_commit_1010_3", final_score: 45, code: REDUCED, ...at(2) },
    { submission_id: "v1_commit_1020_4", final_score: null, status: "failed_validation", code: HIDDEN, ...at(3) },
    { submission_id: "v1_commit_1030_5", final_score: null, status: "pending", code: null, ...at(4) },
  );
  const client: Client = (await bench.open()).client;
  await client.arena.addSource({ name: "main", place: { kind: "api", address: server.address } });
  await client.arena.refresh({});
  for (const id of ["1000_2", "1010_3", "1020_4", "1030_5"]) {
    await client.arena.refreshSubmission({ source: "main", submissionId: `v1_commit_${id}` });
  }
  return { client };
}

const named = (id: string) => ({ source: "main", submissionId: `v1_commit_${id}` });

test("scan and review stand at the lines that are shown, whatever Python counts", async () => {
  const { client } = await start();
  const { code } = await client.arena.submission(named("1020_4"));
  const { analysis, rules } = await client.arena.inspect(named("1020_4"));
  expect([rules, analysis.verdict.ok, analysis.fixes]).toEqual(["built-in", false, []]);
  const found = analysis.findings.find(({ message }) => message.includes("os"));
  expect(found).toMatchObject({ line: 1, column: 18, endLine: 1 });
  expect(code?.text.split("\n")[0]).toBe("# first\u{FFFD}# second\u{FFFD}import os");
  expect(await reportOf(client.arena.inspect(named("1030_5")))).toMatchObject({ code: "not_found" });
});

test("when a technique first appeared on the board", async () => {
  const { client } = await start();
  const { review } = await client.arena.inspect(named("1010_3"));
  const techniques = review.techniques.map(({ id }) => id);
  expect(review.unreviewed).toBeNull();
  const told = await Array.fromAsync(await client.arena.techniqueHistory({ source: "main", techniques }));
  const last = told.at(-1);
  expect(last).toMatchObject({ reviewed: 2, total: 2, isDone: true });
  const firstOf = Object.fromEntries(
    (last?.first ?? []).map(({ technique, submissionId }) => [technique, submissionId]),
  );
  expect(Object.keys(firstOf).toSorted()).toEqual(techniques.toSorted());
  const { review: older } = await client.arena.inspect(named("1000_2"));
  const inOlder = new Set(older.techniques.map(({ id }) => id));
  expect(inOlder.size).toBeGreaterThan(0);
  expect(techniques.some((id) => !inOlder.has(id))).toBe(true);
  for (const id of techniques) expect(firstOf[id]).toBe(`v1_commit_${inOlder.has(id) ? "1000_2" : "1010_3"}`);
});

test("notes go into the report, and others' words stay words there", async () => {
  const { client } = await start();
  const submission = named("1020_4");
  const change = { of: "line", line: 7, verdict: "exploit", text: "# not | a heading" } as const;
  await client.arena.annotate({ submission, change });
  const missing = { ...change, line: 4000 };
  expect(await reportOf(client.arena.annotate({ submission, change: missing }))).toMatchObject({ code: "not_found" });
  await client.arena.annotate({ submission, change: { of: "submission", verdict: "doubtful", text: "two\nlines" } });
  expect(await client.arena.notes(submission)).toMatchObject({
    verdict: "doubtful",
    lines: [{ line: 7, verdict: "exploit", text: "# not | a heading" }],
  });
  const markdown = await client.arena.exportReview({ submission, format: "markdown" });
  expect(markdown.fileName).toBe("review-v1_commit_1020_4.md");
  for (const part of [
    "Verdict: **doubtful**",
    "> two\n> lines",
    "### Line 7: an exploit\n\n```python\n    pass # `|x|` </script>\n```\n\n> \\# not \\| a heading",
    "| Hidden characters | 3 |",
    "By the rules in force (built-in): rejected.",
  ]) {
    expect(markdown.text).toContain(part);
  }
  const json = JSON.parse((await client.arena.exportReview({ submission, format: "json" })).text);
  expect(json).toMatchObject({
    exportVersion: 1,
    submission: { ...submission, isWhatWasCommitted: true, hiddenCharacters: 3 },
    verdict: "doubtful",
    lines: [{ line: 7, verdict: "exploit", code: "    pass # `|x|` </script>" }],
  });
  const empty = await client.arena.exportReview({ submission: named("1030_5"), format: "markdown" });
  expect(empty.text).toContain("There is no code to scan.");
});
