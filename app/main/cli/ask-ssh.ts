/** What ssh asks on its way to an engine, on the terminal. */
import { stdin } from "node:process";
import { HOST_KEY_ACCEPTED, promptAnswerSchema } from "../../common/engine-prompts.ts";
import type { AskSsh } from "../services/engine/index.ts";
import type { CommandIo } from "./io.ts";
import { safeText } from "./terminal.ts";

/** What is typed comes from here: a terminal whose keys come one by one. */
export type Keyboard = Pick<NodeJS.ReadStream, "isTTY" | "setRawMode" | "on" | "off" | "pause" | "resume">;

const CTRL_C = "\u0003";
const CTRL_D = "\u0004";
const CTRL_U = "\u0015";
const BACKSPACE = ["\u007f", "\b"];

/** Null without a terminal: then nobody can be asked, and ssh says what it lacks. */
export function askOnTerminal(io: CommandIo, keyboard: Keyboard = stdin): AskSsh | null {
  if (keyboard.isTTY !== true) return null;
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

/** Null where it is declined or withdrawn. `echo` gets what may be shown. */
function readLine(keyboard: Keyboard, signal: AbortSignal, echo: (text: string) => void): Promise<string | null> {
  keyboard.setRawMode(true);
  keyboard.resume();
  return new Promise((resolve) => {
    let typed = "";
    const end = (line: string | null) => {
      keyboard.off("data", take);
      signal.removeEventListener("abort", withdraw);
      keyboard.setRawMode(false);
      keyboard.pause();
      resolve(line);
    };
    const withdraw = () => end(null);
    const take = (chunk: Buffer | string) => {
      for (const key of chunk.toString()) {
        if (key === "\r" || key === "\n") return end(typed);
        if (key === CTRL_C || key === CTRL_D) return end(null);
        if (key === CTRL_U) typed = "";
        else if (BACKSPACE.includes(key)) typed = typed.slice(0, -1);
        else {
          typed += key;
          echo(key);
        }
      }
    };
    keyboard.on("data", take);
    signal.addEventListener("abort", withdraw);
    if (signal.aborted) withdraw();
  });
}
