/** The history's list: filtered, sorted, and told in cells. Pure. */
import { originText } from "../../../common/format.ts";
import type { HistoryRun } from "../../../common/history.ts";
import type { Evaluation, RunState } from "../../../common/runs.ts";

export type RunQuery = {
  /** Words; each must stand somewhere in the row. */
  search: string;
  state: RunState | null;
  profile: string | null;
  evaluation: Evaluation | null;
  tag: string | null;
};
export const EVERYTHING: RunQuery = { search: "", state: null, profile: null, evaluation: null, tag: null };

export const SORT_KEYS = ["id", "state", "submission", "profile", "score", "duration", "created", "bytes"] as const;
export type SortKey = (typeof SORT_KEYS)[number];
export type Sorting = { key: SortKey; descending: boolean };
export const NEWEST_FIRST: Sorting = { key: "created", descending: true };

/** What is searched of a run, in lower case; made once a run. */
export function searchText(run: HistoryRun): string {
  const { id, state, submission, profile, backend, productionRevision, failure, tags, note } = run;
  return [
    id,
    state,
    submission.name,
    `v${submission.version}`,
    submission.path,
    submission.origin === undefined ? "" : originText(submission.origin),
    profile.name,
    backend,
    productionRevision === undefined ? "" : `production ${productionRevision}`,
    failure?.code ?? failure?.kind ?? "",
    failure?.message ?? "",
    ...tags,
    note,
  ]
    .join("\n")
    .toLowerCase();
}

const texts = new WeakMap<HistoryRun, string>();
function textOf(run: HistoryRun): string {
  const known = texts.get(run);
  if (known !== undefined) return known;
  const text = searchText(run);
  texts.set(run, text);
  return text;
}

export function filterRuns(runs: readonly HistoryRun[], query: RunQuery): HistoryRun[] {
  const words = query.search
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== "");
  return runs.filter(
    (run) =>
      (query.state === null || run.state === query.state) &&
      (query.profile === null || run.profile.name === query.profile) &&
      (query.evaluation === null || evaluationOf(run) === query.evaluation) &&
      (query.tag === null || run.tags.includes(query.tag)) &&
      words.every((word) => textOf(run).includes(word)),
  );
}

/** Whose code judged it. */
export function evaluationOf({ productionRevision }: HistoryRun): Evaluation {
  return productionRevision === undefined ? "crusader" : "production";
}

/** Runs without a value come last, whichever the direction; equal ones newest first. */
export function sortRuns(runs: readonly HistoryRun[], { key, descending }: Sorting): HistoryRun[] {
  const keyed = runs.map((run) => ({ run, value: sortValue(run, key) }));
  keyed.sort((a, b) => {
    if (a.value === null || b.value === null) {
      if (a.value !== b.value) return a.value === null ? 1 : -1;
    } else if (a.value !== b.value) {
      return a.value < b.value === descending ? 1 : -1;
    }
    return Number(b.run.id) - Number(a.run.id);
  });
  return keyed.map(({ run }) => run);
}

function sortValue(run: HistoryRun, key: SortKey): number | string | null {
  switch (key) {
    case "id":
      return Number(run.id);
    case "state":
      return run.state;
    case "submission":
      // Versions of one name in their order: v2 before v10.
      return `${run.submission.name.toLowerCase()} ${String(run.submission.version).padStart(8, "0")}`;
    case "profile":
      return run.profile.name;
    case "score":
      return run.score?.value ?? null;
    case "duration":
      return run.wallSeconds;
    case "created":
      return run.createdAt;
    case "bytes":
      return run.bytes;
  }
}

/** The two runs that a comparison of the selected ones means, older first; null unless there are just two. */
export function comparedPair(selected: ReadonlySet<string>): { a: string; b: string } | null {
  const [a, b, more] = [...selected].toSorted((left, right) => Number(left) - Number(right));
  return a === undefined || b === undefined || more !== undefined ? null : { a, b };
}

/** The selection after a click or a key on `id`: alone, added or removed (Ctrl), or as a range from `anchor` (Shift). */
export function selectRow(
  selected: ReadonlySet<string>,
  order: readonly string[],
  id: string,
  { anchor, mode }: { anchor: string | null; mode: "only" | "toggle" | "range" },
): Set<string> {
  if (mode === "toggle") {
    const next = new Set(selected);
    if (!next.delete(id)) next.add(id);
    return next;
  }
  const [from, to] = [anchor === null ? -1 : order.indexOf(anchor), order.indexOf(id)];
  if (mode === "only" || from === -1 || to === -1) return new Set([id]);
  return new Set(order.slice(Math.min(from, to), Math.max(from, to) + 1));
}

/** One page after the other makes the whole; a run that moved to a later page meanwhile counts once. */
export function mergePages(pages: readonly (readonly HistoryRun[])[]): HistoryRun[] {
  return [...new Map(pages.flat().map((run) => [run.id, run])).values()];
}
