import { expect, test } from "vitest";
import type { ScanReport, Strategy } from "../../../common/scan.ts";
import { readDeclared } from "./declared.ts";

const PASSED: ScanReport["verdict"] = { ok: true, kind: "pass", line: null, rule: null };

function scanning(strategyOf: (numGpus: number) => Strategy | null, verdict = PASSED) {
  const texts: string[] = [];
  const client = {
    workspace: {
      read: async () => ({ text: "from a file", version: "f".repeat(64) }),
      readTemplate: async () => ({ text: "from a template" }),
    },
    runs: { source: async () => ({ text: "from a run" }), originOf: async () => ({ origin: null }) },
    scan: {
      scan: async ({ text, numGpus }: { text: string; numGpus: number }) => {
        texts.push(text);
        return { verdict, findings: [], cudaNeeds: [], strategy: strategyOf(numGpus) };
      },
    },
  } as unknown as Parameters<typeof readDeclared>[0];
  return { client, texts };
}

test.each([
  ["a literal", () => ({ dp_size: 2, tp_size: 2 }), 4],
  ["none: one rank", () => null, 1],
  ["a word: any number", (numGpus: number) => ({ dp_size: numGpus, tp_size: 1 }), null],
] as const)("%s", async (_name, strategyOf, numRanks) => {
  const { client } = scanning(strategyOf);
  const declared = await readDeclared(client, { kind: "template", name: "single" });
  expect(declared).toEqual({ verdict: PASSED, cudaNeeds: [], numRanks, origin: null });
});

test("another's code says where it was imported from", async () => {
  const origin = { runId: "7", importedAt: "2026-11-20T10:00:00.000Z" };
  const { client } = scanning(() => null);
  const imported = {
    ...client,
    runs: { source: async () => ({ text: "theirs", origin }) },
  } as unknown as typeof client;
  expect((await readDeclared(imported, { kind: "run", runId: "2" })).origin).toEqual(origin);
});

test("a submission of the arena is another's code", async () => {
  const { client } = scanning(() => null);
  const seenAt = "2026-11-20T10:00:00.000Z";
  const submission = async () => ({ code: { text: "theirs" }, codeProblem: "", seenAt });
  const withArena = { ...client, arena: { submission } } as unknown as typeof client;
  const reference = { source: "public", submissionId: "v1_1" };
  expect((await readDeclared(withArena, { kind: "submission", ...reference })).origin).toEqual({
    ...reference,
    seenAt,
  });
});

test("an unchanged copy of another's code is still another's", async () => {
  const origin = { runId: "7", importedAt: "2026-11-20T10:00:00.000Z" };
  const { client } = scanning(() => null);
  const originOf = async ({ sha256 }: { sha256: string }) => ({ origin: sha256 === "f".repeat(64) ? origin : null });
  const copied = { ...client, runs: { ...client.runs, originOf } } as unknown as typeof client;
  const file = { folderId: "x".repeat(16), name: "copy.py" };
  expect((await readDeclared(copied, { kind: "file", file })).origin).toEqual(origin);
});

test("of a file that cannot be parsed nothing is known", async () => {
  const { client } = scanning(() => null, { ok: false, kind: "syntax", line: 3, rule: null });
  expect((await readDeclared(client, { kind: "run", runId: "3" })).numRanks).toBeNull();
});

test("each kind of target has its text", async () => {
  const { client, texts } = scanning(() => null);
  const file = { folderId: "x".repeat(16), name: "train.py" };
  await readDeclared(client, { kind: "text", name: "train.py", text: "typed", file: null });
  await readDeclared(client, { kind: "file", file });
  await readDeclared(client, { kind: "template", name: "ddp" });
  await readDeclared(client, { kind: "run", runId: "3" });
  expect([...new Set(texts)]).toEqual(["typed", "from a file", "from a template", "from a run"]);
});
