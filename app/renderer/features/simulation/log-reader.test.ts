import { expect, test, vi } from "vitest";
import { CrusaderError } from "../../../common/errors.ts";
import { LogReader, SHOWN_BYTES } from "./log-reader.ts";

const PAGE = 4;
function reading(log: { text: string }) {
  const shown: string[] = [];
  const offsets: number[] = [];
  const reader = new LogReader({
    read: async (offset) => {
      offsets.push(offset);
      const text = log.text.slice(offset, offset + PAGE);
      return { offset, nextOffset: offset + text.length, totalBytes: log.text.length, text };
    },
    write: async (text) => void shown.push(text),
    onError: (error) => shown.push(`error: ${error.message}`),
  });
  return { reader, shown, offsets };
}

test("a growing log is read on, each byte once", async () => {
  const log = { text: "abcdef" };
  const { reader, shown, offsets } = reading(log);
  reader.grow(6);
  await vi.waitFor(() => expect(shown.join("")).toBe("abcdef"));
  log.text += "ghi";
  reader.grow(9);
  reader.grow(9);
  await vi.waitFor(() => expect(shown.join("")).toBe("abcdefghi"));
  expect(offsets).toEqual([0, 4, 6]);
});

test("of a very long log the end is shown", async () => {
  const offsets: number[] = [];
  const reader = new LogReader({
    read: async (offset) => {
      offsets.push(offset);
      return { offset, nextOffset: offset, totalBytes: 0, text: "" };
    },
    write: async () => {},
    onError: () => {},
  });
  reader.grow(SHOWN_BYTES + 1000);
  await vi.waitFor(() => expect(offsets).toEqual([1000]));
  expect(reader.skippedBytes).toBe(1000);
});

test("a lost connection is no failure: it goes on by itself", async () => {
  const answers = [new CrusaderError("disconnected", "Gone."), "abc"];
  const shown: string[] = [];
  const reader = new LogReader({
    read: async (offset) => {
      const answer = answers.shift();
      if (typeof answer !== "string") throw answer;
      return { offset, nextOffset: 3, totalBytes: 3, text: answer };
    },
    write: async (text) => void shown.push(text),
    onError: (error) => shown.push(error.message),
  });
  reader.grow(3);
  await vi.waitFor(() => expect(shown).toEqual(["abc"]));
});

test("after a failure it goes on where it stood", async () => {
  let fails = true;
  const shown: string[] = [];
  const reader = new LogReader({
    read: async (offset) => {
      if (fails) throw new CrusaderError("data_folder", "Gone.");
      return { offset, nextOffset: 3, totalBytes: 3, text: "abc" };
    },
    write: async (text) => void shown.push(text),
    onError: (error) => shown.push(error.message),
  });
  reader.grow(3);
  await vi.waitFor(() => expect(shown).toEqual(["Gone."]));
  fails = false;
  reader.grow(3);
  await vi.waitFor(() => expect(shown).toEqual(["Gone.", "abc"]));
});

test("what was stopped shows nothing more", async () => {
  const { reader, shown } = reading({ text: "abcdef" });
  reader.grow(6);
  reader.stop();
  await vi.waitFor(() => expect(shown.join("")).not.toContain("efgh"));
  expect(shown.join("").length).toBeLessThan(6);
});
