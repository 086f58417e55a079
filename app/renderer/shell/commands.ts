/** Every action of the window, once: the palette, menus, buttons and shortcuts all take it from here. */
import { createStore } from "zustand/vanilla";

export type Command = {
  /** "editor.save": the capability, then the action. */
  id: string;
  /** What the palette shows: "Save file". */
  title: string;
  /** Grouping in the palette: "Editor". */
  category: string;
  /** "Ctrl+Shift+P"; Ctrl means the command key on a Mac. The first is shown, all work. */
  shortcuts?: readonly string[];
  /** Whether it makes sense now; absent: always. */
  when?: () => boolean;
  run: () => void | Promise<void>;
};

export const commands = createStore<{ byId: ReadonlyMap<string, Command> }>(() => ({ byId: new Map() }));

/** Returns the function that takes them away again. A taken id is a bug. */
export function registerCommands(...added: Command[]): () => void {
  const byId = new Map(commands.getState().byId);
  for (const command of added) {
    if (byId.has(command.id)) throw new Error(`There are two commands ${command.id}.`);
    byId.set(command.id, command);
  }
  commands.setState({ byId });
  return () => {
    const left = new Map(commands.getState().byId);
    for (const { id } of added) left.delete(id);
    commands.setState({ byId: left });
  };
}

export function isEnabled({ when }: Command): boolean {
  return when === undefined || when();
}

let onFailure: (thrown: unknown) => void = (thrown) => {
  throw thrown;
};
/** Where the failures of commands go: the notifications. */
export function reportCommandFailures(report: (thrown: unknown) => void): void {
  onFailure = report;
}

/** Runs it where it makes sense now; false where it does not. Failures are told in the notifications. */
export function runCommand(id: string): boolean {
  const command = commands.getState().byId.get(id);
  if (command === undefined || !isEnabled(command)) return false;
  const ran = async () => command.run();
  ran().catch(onFailure);
  return true;
}

export type KeyPress = Pick<KeyboardEvent, "key" | "code" | "ctrlKey" | "metaKey" | "shiftKey" | "altKey">;

/** The key that shortcuts call Ctrl is the command key on a Mac. */
export function matchesShortcut(shortcut: string, press: KeyPress, isMac: boolean): boolean {
  const parts = shortcut.split("+");
  const key = parts.at(-1) ?? "";
  const wants = (modifier: string) => parts.slice(0, -1).includes(modifier);
  const [main, other] = isMac ? [press.metaKey, press.ctrlKey] : [press.ctrlKey, press.metaKey];
  return (
    wants("Ctrl") === main &&
    !other &&
    // "Ctrl+=" is Ctrl+Shift+0 on some keyboards: for signs, the sign decides.
    (wants("Shift") === press.shiftKey || (isSign(key) && press.key === key)) &&
    wants("Alt") === press.altKey &&
    (press.key.toLowerCase() === key.toLowerCase() || press.code === `Key${key}` || press.code === `Digit${key}`)
  );
}

function isSign(key: string): boolean {
  return key.length === 1 && !/[a-z0-9]/i.test(key);
}

/** The command that a key press means now, if any. */
export function commandFor(press: KeyPress, isMac: boolean): Command | null {
  for (const command of commands.getState().byId.values()) {
    const matches = command.shortcuts?.some((shortcut) => matchesShortcut(shortcut, press, isMac)) === true;
    if (matches && isEnabled(command)) return command;
  }
  return null;
}

/** As written on the keys: "Ctrl+S", or "\u2318S" on a Mac. */
export function shownShortcut(shortcut: string, isMac: boolean): string {
  if (!isMac) return shortcut;
  const signs: Record<string, string> = { Ctrl: "\u2318", Shift: "\u21e7", Alt: "\u2325", Enter: "\u21a9" };
  return shortcut
    .split("+")
    .map((part) => signs[part] ?? part)
    .join("");
}
