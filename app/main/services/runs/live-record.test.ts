/** Reading a record while it is being written. */
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { EventReader } from "./event-reader.ts";
import { readTextPage } from "./output-page.ts";

function temporaryFile(): string {
  const folder = mkdtempSync(join(tmpdir(), "crusader-record-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return join(folder, "file");
}

const line = (seq: number, message = "m") =>
  `${JSON.stringify({ repeat: 0, event: { v: 1, seq, t: 0, type: "note", level: "info", id: "x", message, line: null } })}\n`;

test("events are numbered by their lines; a torn last line waits, an unknown one is left out", () => {
  const path = temporaryFile();
  const reader = new EventReader(path);
  expect([reader.read(), reader.number]).toEqual([[], 0]);
  writeFileSync(path, `${line(0)}not ours\n${line(1)}${line(2).slice(0, 20)}`);
  expect(reader.read().map(({ number }) => number)).toEqual([1, 3]);
  expect([reader.read(), reader.number]).toEqual([[], 3]);
  appendFileSync(path, line(2).slice(20));
  expect(reader.read().map(({ number, event }) => [number, event.seq])).toEqual([[4, 2]]);
});

test("lines longer than what is read at once, and a long record, come whole", () => {
  const path = temporaryFile();
  writeFileSync(
    path,
    line(0, "ü".repeat(1_000_000)) + Array.from({ length: 5000 }, (_, index) => line(index + 1)).join(""),
  );
  const reader = new EventReader(path);
  const numbers: number[] = [];
  for (let events = reader.read(); events.length > 0; events = reader.read()) {
    numbers.push(...events.map(({ number }) => number));
  }
  expect(numbers).toEqual(Array.from({ length: 5001 }, (_, index) => index + 1));
});

test("pages of a log never cut a character, and together are the log", () => {
  const path = temporaryFile();
  const text = "a\u00fc\u20ac\u{1f680}".repeat(50);
  writeFileSync(path, text);
  const pages: string[] = [];
  for (let offset = 0; offset < Buffer.byteLength(text); ) {
    const page = readTextPage(path, offset, 7, false);
    expect([page.offset, page.totalBytes]).toEqual([offset, Buffer.byteLength(text)]);
    pages.push(page.text);
    offset = page.nextOffset;
  }
  expect(pages.join("")).toBe(text);
});

test("bytes that are no text show as replacements and end", () => {
  const path = temporaryFile();
  writeFileSync(path, Buffer.alloc(10, 0xff));
  const { nextOffset, text } = readTextPage(path, 0, 4, false);
  expect([nextOffset > 0, text.includes("\ufffd")]).toEqual([true, true]);
  expect(readTextPage(path, 99, 4, false)).toEqual({ offset: 10, nextOffset: 10, totalBytes: 10, text: "" });
});

test("a character that is being written is read once it is whole", () => {
  const path = temporaryFile();
  const rocket = Buffer.from("\u{1f680}");
  writeFileSync(path, rocket.subarray(0, 3));
  expect(readTextPage(path, 0, 1024, true)).toEqual({ offset: 0, nextOffset: 0, totalBytes: 3, text: "" });
  appendFileSync(path, rocket.subarray(3));
  expect(readTextPage(path, 0, 1024, true)).toEqual({ offset: 0, nextOffset: 4, totalBytes: 4, text: "\u{1f680}" });
});
