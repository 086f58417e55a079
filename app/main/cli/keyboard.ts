/** What a person types at a terminal, key by key: passwords are not shown, words are. */
import { stdin } from "node:process";

/** What is typed comes from here: a terminal whose keys come one by one. */
export type Keyboard = Pick<NodeJS.ReadStream, "isTTY" | "setRawMode" | "on" | "off" | "pause" | "resume">;

const CTRL_C = "\u0003";
const CTRL_D = "\u0004";
const CTRL_U = "\u0015";
const BACKSPACE = ["\u007f", "\b"];
const RUB_OUT = "\b \b";

/** This process's own; null where it is no terminal: then nobody can be asked. */
export function ownKeyboard(): Keyboard | null {
  return stdin.isTTY === true ? stdin : null;
}

/** A line without its end; null where Ctrl-C, Ctrl-D or the signal ended it. `echo` gets what may be shown. */
export function readLine(
  keyboard: Keyboard,
  signal: AbortSignal | undefined,
  echo: (text: string) => void,
): Promise<string | null> {
  keyboard.setRawMode(true);
  keyboard.resume();
  return new Promise((resolve) => {
    let typed = "";
    const end = (line: string | null) => {
      keyboard.off("data", take);
      signal?.removeEventListener("abort", withdraw);
      keyboard.setRawMode(false);
      keyboard.pause();
      resolve(line);
    };
    const withdraw = () => end(null);
    const drop = (count: number) => {
      echo(RUB_OUT.repeat(count));
      typed = typed.slice(0, typed.length - count);
    };
    const take = (chunk: Buffer | string) => {
      for (const key of chunk.toString()) {
        if (key === "\r" || key === "\n") return end(typed);
        if (key === CTRL_C || key === CTRL_D) return end(null);
        if (key === CTRL_U) drop(typed.length);
        else if (BACKSPACE.includes(key)) drop(Math.min(1, typed.length));
        else {
          typed += key;
          echo(key);
        }
      }
    };
    keyboard.on("data", take);
    signal?.addEventListener("abort", withdraw);
    if (signal?.aborted === true) withdraw();
  });
}
