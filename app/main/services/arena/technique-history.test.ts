import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { Review } from "../../../common/review.ts";
import { type BoardCode, TechniqueHistories } from "./technique-history.ts";

const place = { line: 1, column: 1, endLine: 1, endColumn: 2, text: "x" };

/** A reviewer that finds what the code names, and notes what it was asked. */
function start() {
  const folder = mkdtempSync(join(tmpdir(), "crusader-techniques-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const reviewer = join(folder, "review.py");
  writeFileSync(reviewer, "one");
  const reviewed: string[] = [];
  const review = async (source: Uint8Array): Promise<Review> => {
    const text = Buffer.from(source).toString("utf8");
    reviewed.push(text);
    if (text === "slow") {
      return { unreviewed: { reason: "time", line: null, message: "Too long." }, findings: [], techniques: [] };
    }
    const techniques = text.split(" ").map((id) => ({ id, title: id, places: [place] }));
    return { unreviewed: null, findings: [], techniques };
  };
  const make = () => new TechniqueHistories({ dataFolder: folder, packageFolder: folder, review });
  return { reviewer, reviewed, make };
}

const code = (submissionId: string, text: string): BoardCode => ({
  submissionId,
  createdAt: null,
  sha256: text,
  bytes: () => Buffer.from(text),
});
const BOARD = [code("a", "compile"), code("b", "compile fused"), code("c", "graphs"), code("d", "overlap")];

test("it looks until everything was found, the oldest first, and at no code twice", async () => {
  const { reviewed, make } = start();
  const histories = make();
  const [found] = (await Array.fromAsync(histories.of(BOARD, ["fused", "compile"], undefined))).slice(-1);
  expect(found).toEqual({
    reviewed: 2,
    total: 4,
    isDone: true,
    first: [
      { technique: "compile", submissionId: "a", createdAt: null },
      { technique: "fused", submissionId: "b", createdAt: null },
    ],
  });
  expect(reviewed).toEqual(["compile", "compile fused"]);
  // Another process goes on where this one was.
  const [later] = (await Array.fromAsync(make().of(BOARD, ["graphs"], undefined))).slice(-1);
  expect(later?.first).toEqual([{ technique: "graphs", submissionId: "c", createdAt: null }]);
  expect(reviewed).toEqual(["compile", "compile fused", "graphs"]);
});

test("what is on no board is known only after all of it; another reviewer begins anew", async () => {
  const { reviewer, reviewed, make } = start();
  const [none] = (await Array.fromAsync(make().of(BOARD, ["liger"], undefined))).slice(-1);
  expect(none).toEqual({ reviewed: 4, total: 4, isDone: true, first: [] });
  writeFileSync(reviewer, "two");
  await Array.fromAsync(make().of(BOARD, ["compile"], undefined));
  expect(reviewed.length).toBe(5);
});

test("code that there was no time for is looked at again", async () => {
  const { reviewed, make } = start();
  const board = [code("a", "slow"), code("b", "fused")];
  for (let turn = 0; turn < 2; turn += 1) await Array.fromAsync(make().of(board, ["liger"], undefined));
  expect(reviewed).toEqual(["slow", "fused", "slow"]);
});

test("who no longer waits ends it", async () => {
  const { reviewed, make } = start();
  expect(await Array.fromAsync(make().of(BOARD, ["overlap"], AbortSignal.abort()))).toEqual([]);
  expect(reviewed).toEqual([]);
});
