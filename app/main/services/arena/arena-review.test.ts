import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { Review } from "../../../common/review.ts";
import type { Analysis, PolicyInForce, ScanPolicy } from "../../../common/scan.ts";
import { policySha256 } from "../rules/index.ts";
import { ArenaReview, type ArenaReviewOptions } from "./arena-review.ts";

const CODE = "import os\n";
const NOW = { forbidden_modules: ["os"] } as unknown as ScanPolicy;
const EARLIER = { forbidden_modules: [] } as unknown as ScanPolicy;

/** A scan that rejects in line 1 what a policy forbids, and notes by which it was asked. */
function start(policies: readonly { since: string; policy: ScanPolicy }[], createdAt: string | null) {
  const dataFolder = mkdtempSync(join(tmpdir(), "crusader-arena-review-"));
  onTestFinished(() => rmSync(dataFolder, { recursive: true }));
  const asked: string[] = [];
  const inForce: PolicyInForce = { policy: NOW, sha256: policySha256(NOW), origin: "built-in" };
  const review: Review = { unreviewed: null, findings: [], techniques: [] };
  const arena = {
    code: () => ({ bytes: Buffer.from(CODE), sha256: "c0de" }),
    submission: () => ({ submission: { createdAt } }),
    codesOnBoard: () => [],
  };
  return {
    asked,
    review: new ArenaReview({
      dataFolder,
      packageFolder: dataFolder,
      arena: arena as unknown as ArenaReviewOptions["arena"],
      scan: async (_source, policyJson) => {
        asked.push(policyJson);
        const ok = !JSON.parse(policyJson).forbidden_modules.includes("os");
        const verdict = ok
          ? { ok, kind: "pass", line: null, rule: null }
          : { ok, kind: "security", line: 1, rule: "forbidden_modules" };
        return { verdict, findings: [], lints: [], fixes: [], cudaNeeds: [] } as unknown as Analysis;
      },
      review: async () => review,
      policy: () => inForce,
      policyAt: async (time) => {
        const found = policies.findLast(({ since }) => since <= time);
        return found === undefined
          ? null
          : { revisionId: found.since, label: "abc1234", committedAt: found.since, policy: found.policy };
      },
      crusaderVersion: "0",
    }),
  };
}

const REFERENCE = { source: "main", submissionId: "v1_commit_1000_2" };
const REJECTED = { ok: false, kind: "security", line: 1, rule: "forbidden_modules" };
const PASSED = { ok: true, kind: "pass", line: null, rule: null };
const POLICIES = [
  { since: "2026-04-01T00:00:00.000Z", policy: EARLIER },
  { since: "2026-05-01T00:00:00.000Z", policy: NOW },
];

test("code is held to the rules in force and to those of its time", async () => {
  const { review, asked } = start(POLICIES, "2026-04-05T01:00:00.000Z");
  const inspection = await review.inspect(REFERENCE);
  expect([inspection.rules, inspection.analysis.verdict]).toEqual(["built-in", REJECTED]);
  expect(inspection.ofItsTime).toEqual({
    rules: "source abc1234",
    committedAt: "2026-04-01T00:00:00.000Z",
    isSame: false,
    verdict: PASSED,
  });
  expect(asked).toEqual([JSON.stringify(NOW), JSON.stringify(EARLIER)]);
  await review.inspect(REFERENCE);
  expect(asked.length).toBe(2);
});

test("rules that are still in force are asked once; those of a time that nobody knows are made up by none", async () => {
  const same = start(POLICIES, "2026-05-05T01:00:00.000Z");
  expect((await same.review.inspect(REFERENCE)).ofItsTime).toMatchObject({ isSame: true, verdict: REJECTED });
  expect(same.asked.length).toBe(1);
  for (const createdAt of ["2026-03-01T00:00:00.000Z", null]) {
    expect((await start(POLICIES, createdAt).review.inspect(REFERENCE)).ofItsTime).toBeNull();
  }
});
