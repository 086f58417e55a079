/** One line at the top of the window: to pick something from a list, or to type a name. */
import fuzzysort from "fuzzysort";
import { createStore } from "zustand/vanilla";

export type QuickItem = {
  id: string;
  title: string;
  /** Shown dim beside the title, and searched. */
  detail?: string;
  /** Shown at the right: a shortcut, a date. */
  hint?: string;
  run: () => void | Promise<void>;
};

export type QuickPick = {
  kind: "pick";
  label: string;
  placeholder: string;
  /** `query` is what was typed; lists that come from the services look there, others ignore it. */
  items: (query: string, signal: AbortSignal) => readonly QuickItem[] | Promise<readonly QuickItem[]>;
};

export type QuickText = {
  kind: "text";
  label: string;
  value: string;
  /** How much of the value is selected at first: the name without its ending. */
  selected?: number;
  /** Null: it may be accepted. */
  problem: (value: string) => string | null;
  accept: (value: string) => void | Promise<void>;
};

export const quickInput = createStore<{ shown: QuickPick | QuickText | null }>(() => ({ shown: null }));

export function showQuickInput(shown: QuickPick | QuickText): void {
  quickInput.setState({ shown });
}

export function hideQuickInput(): void {
  quickInput.setState({ shown: null });
}

const MAX_SHOWN = 60;

/** The items that fit what was typed, best first; all of them, in their order, while nothing is. */
export function ranked(items: readonly QuickItem[], query: string): readonly QuickItem[] {
  if (query.trim() === "") return items.slice(0, MAX_SHOWN);
  const keys = [(item: QuickItem) => item.title, (item: QuickItem) => item.detail ?? ""];
  return fuzzysort.go(query.trim(), items, { keys, limit: MAX_SHOWN, threshold: 0.2 }).map(({ obj }) => obj);
}
