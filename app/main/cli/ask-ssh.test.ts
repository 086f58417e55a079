import { EventEmitter } from "node:events";
import { expect, test } from "vitest";
import type { SshQuestion } from "../services/engine/index.ts";
import { askOnTerminal } from "./ask-ssh.ts";
import type { Keyboard } from "./keyboard.ts";

/** A terminal: what is shown on it, and whether its keys are shown as they are typed. */
function terminal() {
  let shown = "";
  const modes: boolean[] = [];
  const keyboard = Object.assign(new EventEmitter(), {
    isTTY: true,
    setRawMode: (mode: boolean) => modes.push(mode),
    pause: () => {},
    resume: () => {},
  });
  const write = (text: string) => {
    shown += text;
  };
  const ask = askOnTerminal({ stdout: { write }, stderr: { write } }, keyboard as unknown as Keyboard);
  if (ask === null) throw new Error("a terminal can be asked");
  const type = (keys: string) => keyboard.emit("data", Buffer.from(keys));
  return { ask, type, shown: () => shown, modes };
}

const SECRET: SshQuestion = {
  address: "ssh://box",
  kind: "secret",
  text: "Enter passphrase for key '/home/me/key': \u001b]0;title\u0007",
  isRepeated: false,
};
const open = new AbortController().signal;

test("what is typed is hidden, can be mended, and leaves the terminal as it was", async () => {
  const { ask, type, shown, modes } = terminal();
  const answer = ask(SECRET, open);
  type("wrong\u0015ab");
  type("\u007fc d\r");
  expect([await answer, modes]).toEqual(["ac d", [true, false]]);
  expect(shown()).toBe(
    "\nEnter passphrase for key '/home/me/key':\nWhat is typed is not shown. Enter answers, Ctrl-C declines.\n\n",
  );
});

test("Ctrl-C and Ctrl-D decline; so does an end of what is asked", async () => {
  const { ask, type, modes } = terminal();
  const ending = new AbortController();
  const answers = [];
  for (const how of [() => type("ab\u0003"), () => type("\u0004"), () => ending.abort()]) {
    const answer = ask(SECRET, ending.signal);
    how();
    answers.push(await answer);
  }
  expect([answers, modes]).toEqual([
    [null, null, null],
    [true, false, true, false, true, false],
  ]);
});

test("a host key is accepted by a word that is seen", async () => {
  const { ask, type, shown } = terminal();
  const answer = ask({ ...SECRET, kind: "confirm", text: "Are you sure (yes/no)? ", isRepeated: true }, open);
  type("yes\r");
  expect(await answer).toBe("yes");
  expect(shown()).toMatch(/^\nThe answer was not right\.\nAre you sure .*Compare the fingerprint.*\nyes\n$/s);
});

test("without a terminal nobody is asked", () => {
  const write = () => {};
  expect(askOnTerminal({ stdout: { write }, stderr: { write } }, null)).toBeNull();
});
