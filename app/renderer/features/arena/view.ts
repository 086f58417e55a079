/** What the arena's panel shows now. Kept for the session; source, profile and whether there are charts for longer. */
import { useStore } from "zustand";
import { createStore } from "zustand/vanilla";
import type { DiffSide, SubmissionReference, SubmissionState } from "../../../common/arena.ts";
import { panelSetting, savePanelSetting } from "../../shell/settings.ts";

export type View =
  | { kind: "board" }
  | { kind: "validator" }
  | { kind: "sources" }
  | { kind: "submission"; reference: SubmissionReference }
  | { kind: "compare"; a: DiffSide; b: DiffSide };

/** What is looked for; with nothing of it, the leaderboard is shown. */
export type Search = { query: string; state: SubmissionState | null; own: boolean; everySource: boolean };

export const NO_SEARCH: Search = { query: "", state: null, own: false, everySource: false };

export function isSearch({ query, state, own }: Search): boolean {
  return query.trim() !== "" || state !== null || own;
}

/** By `keyOf`. */
export type Selected = ReadonlyMap<string, SubmissionReference>;

type Panel = { view: View; before: View; search: Search; selected: Selected };

const panel = createStore<Panel>(() => ({
  view: { kind: "board" },
  before: { kind: "board" },
  search: NO_SEARCH,
  selected: new Map(),
}));

export function usePanel(): Panel {
  return useStore(panel);
}

export function currentPanel(): Panel {
  return panel.getState();
}

export function showView(view: View): void {
  panel.setState(({ view: old, before }) => ({
    view,
    // A page over a list leads back to that list.
    before: old.kind === "submission" || old.kind === "compare" ? before : old,
  }));
}

/** From a submission, or a comparison, to the list it was opened from. */
export function goBack(): void {
  panel.setState(({ before }) => ({ view: before }));
}

export function changeSearch(change: Partial<Search>): void {
  panel.setState(({ search }) => ({ search: { ...search, ...change } }));
}

export function select(selected: Selected): void {
  panel.setState({ selected });
}

const SETTING = "arena";

export type Saved = { source: string | null; profile: string | null; charts: boolean };

/** Settings are a file that anybody may have written. */
export function savedChoice(): Saved {
  const { source, profile, charts } = (panelSetting(SETTING) ?? {}) as Record<string, unknown>;
  return {
    source: typeof source === "string" ? source : null,
    profile: typeof profile === "string" ? profile : null,
    charts: charts !== false,
  };
}

export function saveChoice(change: Partial<Saved>): void {
  savePanelSetting(SETTING, { ...savedChoice(), ...change });
}
