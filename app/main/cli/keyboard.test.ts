import { EventEmitter } from "node:events";
import { expect, test } from "vitest";
import { type Keyboard, readLine } from "./keyboard.ts";

/** What becomes of keys, and what the terminal shows meanwhile. */
async function typed(keys: string, signal?: AbortSignal) {
  const modes: boolean[] = [];
  const keyboard = Object.assign(new EventEmitter(), {
    isTTY: true,
    setRawMode: (mode: boolean) => modes.push(mode),
    pause: () => {},
    resume: () => {},
  });
  let shown = "";
  const line = readLine(keyboard as unknown as Keyboard, signal, (text) => {
    shown += text;
  });
  keyboard.emit("data", Buffer.from(keys));
  return { line: await line, shown, modes, listeners: keyboard.listenerCount("data") };
}

test("a line is what stands there at Enter; what is taken back vanishes from the screen", async () => {
  const asItWas = { modes: [true, false], listeners: 0 };
  expect([await typed("nop\u007f\u007f\u007f\u007fyes\rmore"), await typed("no\u0015yes\n")]).toEqual([
    { line: "yes", shown: "nop\b \b\b \b\b \byes", ...asItWas },
    { line: "yes", shown: "no\b \b\b \byes", ...asItWas },
  ]);
});

test("Ctrl-C, Ctrl-D and the end of what asks are no answer", async () => {
  const answers = [await typed("ab\u0003"), await typed("\u0004"), await typed("", AbortSignal.abort())];
  expect(answers.map(({ line }) => line)).toEqual([null, null, null]);
});
