import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { ReviewNotesFile } from "./review-notes.ts";

const reference = { source: "main", submissionId: "v1_commit_1000_2" };
const [CODE, OTHER_CODE] = ["a".repeat(64), "b".repeat(64)];
const NONE = { verdict: null, text: "", lines: [], codeSha256: null, changedAt: null };

function start() {
  const dataFolder = mkdtempSync(join(tmpdir(), "crusader-notes-"));
  onTestFinished(() => rmSync(dataFolder, { recursive: true }));
  const make = () => new ReviewNotesFile({ dataFolder, now: () => Date.UTC(2026, 3, 5) });
  return { dataFolder, make, notes: make() };
}

test("what is noted of a submission and of its lines is kept, and another process sees it", () => {
  const { make, notes } = start();
  expect(notes.of(reference)).toEqual(NONE);
  notes.change(reference, { of: "line", line: 12, verdict: "exploit", text: "skips tokens" }, CODE);
  notes.change(reference, { of: "line", line: 3, verdict: null, text: "why?" }, CODE);
  make().change(reference, { of: "submission", verdict: "doubtful", text: "ask the author" }, CODE);
  expect(notes.of(reference)).toEqual({
    verdict: "doubtful",
    text: "ask the author",
    lines: [
      { line: 3, verdict: null, text: "why?" },
      { line: 12, verdict: "exploit", text: "skips tokens" },
    ],
    codeSha256: CODE,
    changedAt: "2026-04-05T00:00:00.000Z",
  });
  expect(notes.of({ ...reference, source: "other" })).toEqual(NONE);
});

test("a note that is emptied is gone, and written again it is back", () => {
  const { dataFolder, notes } = start();
  const note = { of: "line" as const, line: 3, verdict: "sound" as const, text: "measured" };
  const noted = notes.change(reference, note, CODE);
  expect(notes.change(reference, { ...note, verdict: null, text: "" }, CODE)).toEqual(NONE);
  expect(JSON.parse(readFileSync(join(dataFolder, "arena-notes.json"), "utf8"))).toEqual({
    version: 1,
    submissions: [],
  });
  expect(notes.change(reference, note, CODE)).toEqual(noted);
});

test("lines of other code are not mixed with those that are noted", () => {
  const { notes } = start();
  notes.change(reference, { of: "line", line: 3, verdict: null, text: "why?" }, CODE);
  expect(() => notes.change(reference, { of: "line", line: 4, verdict: null, text: "new" }, OTHER_CODE)).toThrow(
    expect.objectContaining({ code: "conflict" }),
  );
  notes.change(reference, { of: "line", line: 3, verdict: null, text: "" }, OTHER_CODE);
  expect(notes.change(reference, { of: "line", line: 4, verdict: null, text: "new" }, OTHER_CODE).codeSha256).toBe(
    OTHER_CODE,
  );
});

test("a damaged file is set aside, never overwritten", () => {
  const { dataFolder, notes } = start();
  writeFileSync(join(dataFolder, "arena-notes.json"), "{");
  expect(notes.of(reference)).toEqual(NONE);
  const { file } = notes.setAside ?? {};
  expect(file).toContain("arena-notes.json.damaged-");
  notes.change(reference, { of: "submission", verdict: "sound", text: "" }, null);
  expect(readFileSync(file ?? "", "utf8")).toBe("{");
  expect(readdirSync(dataFolder).length).toBe(2);
});
