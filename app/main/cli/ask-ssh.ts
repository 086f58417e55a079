/** What ssh asks on its way to an engine, on the terminal. */
import { HOST_KEY_ACCEPTED, promptAnswerSchema } from "../../common/engine-prompts.ts";
import type { AskSsh } from "../services/engine/index.ts";
import type { CommandIo } from "./io.ts";
import { type Keyboard, ownKeyboard, readLine } from "./keyboard.ts";
import { safeText } from "./terminal.ts";

/** Null without a terminal: then nobody can be asked, and ssh says what it lacks. */
export function askOnTerminal(io: CommandIo, keyboard: Keyboard | null = ownKeyboard()): AskSsh | null {
  if (keyboard === null) return null;
  return async ({ kind, text, isRepeated }, signal) => {
    const how =
      kind === "secret"
        ? "What is typed is not shown. Enter answers, Ctrl-C declines."
        : `Compare the fingerprint with the host's own (there: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub). "${HOST_KEY_ACCEPTED}" and Enter accept it, Ctrl-C declines.`;
    io.stderr.write(`\n${isRepeated ? "The answer was not right.\n" : ""}${safeText(text).trim()}\n${how}\n`);
    const line = await readLine(keyboard, signal, (shown) => kind === "confirm" && io.stderr.write(shown));
    io.stderr.write("\n");
    return line !== null && promptAnswerSchema.safeParse(line).success ? line : null;
  };
}
