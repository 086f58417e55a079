import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { describeProgress, formatSeconds, ProgressLine } from "./progress.ts";

class Recorder {
  readonly writes: string[] = [];
  readonly isTTY: boolean;
  readonly columns: number;
  constructor(isTTY: boolean, columns = 80) {
    this.isTTY = isTTY;
    this.columns = columns;
  }
  write(text: string) {
    this.writes.push(text);
  }
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("a terminal gets one line, drawn over at most ten times a second and erased at the end", () => {
  const stream = new Recorder(true);
  const progress = new ProgressLine(stream);
  for (let done = 0; done < 50; done += 1) progress.update({ title: "Copying", done, total: 50, unit: "files" });
  vi.advanceTimersByTime(100);
  progress.print("kept");
  progress.stop();
  vi.advanceTimersByTime(60_000);

  expect(stream.writes).toEqual([
    "\rCopying [--------------------] 0%  0 of 50 files\x1b[K",
    "\rCopying [###################-] 98%  49 of 50 files\x1b[K",
    "\r\x1b[K",
    "kept\n",
    "\rCopying [###################-] 98%  49 of 50 files\x1b[K",
    "\r\x1b[K",
  ]);
});

test("a narrow terminal never wraps", () => {
  const stream = new Recorder(true, 20);
  const progress = new ProgressLine(stream);
  progress.update({ title: "Downloading packages", detail: "a-rather-long-file-name" });
  progress.stop();
  expect(stream.writes).toEqual(["\rDownloading package\x1b[K", "\r\x1b[K"]);
});

test("anything else gets a plain line a step, and one every ten seconds", () => {
  const stream = new Recorder(false);
  const progress = new ProgressLine(stream);
  progress.update({ title: "Installing" });
  vi.advanceTimersByTime(9_000);
  progress.update({ title: "Installing", detail: "torch" });
  vi.advanceTimersByTime(11_500);
  progress.update({ title: "Verifying" });
  progress.stop();
  expect(stream.writes).toEqual([
    "Installing\n",
    "Installing  10 s  torch\n",
    "Installing  20 s  torch\n",
    "Verifying\n",
  ]);
});

test("time left is shown once it can be told", () => {
  const state = { title: "Downloading", done: 50e6, total: 200e6, unit: "bytes" };
  expect(describeProgress(state, 2_000)).toBe("Downloading 25%  50.0 of 200.0 MB  2 s");
  expect(describeProgress(state, 30_000)).toBe("Downloading 25%  50.0 of 200.0 MB  30 s, about 1 min 30 s left");
  expect(describeProgress({ ...state, done: 200e6 }, 30_000)).toBe("Downloading 100%  200.0 of 200.0 MB  30 s");
});

test("times are whole and carry units", () => {
  expect([0.4, 59.6, 80, 7500].map(formatSeconds)).toEqual(["0 s", "1 min 0 s", "1 min 20 s", "2 h 5 min"]);
});
