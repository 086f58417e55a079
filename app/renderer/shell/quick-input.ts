/** One line at the top of the window: to pick something from a list, or to type a name. */
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
  /** What is at hand; ranked by what was typed. */
  items: () => readonly QuickItem[];
  /** What the services find for it; shown below the others as soon as it is there. */
  more?: (query: string, signal: AbortSignal) => Promise<readonly QuickItem[]>;
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
