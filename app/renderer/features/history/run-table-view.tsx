// biome-ignore-all lint/a11y/useSemanticElements: rows that are placed by hand are no table to a browser
// biome-ignore-all lint/a11y/useFocusableInteractive: the focus goes from row to row
/** The list itself: only the rows in sight exist; all of it works by keyboard. */
import { IconAlertTriangle, IconArrowDown, IconArrowUp, IconFileImport, IconGavel, IconPin } from "@tabler/icons-react";
import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, type MouseEvent, type ReactNode, useEffect, useRef, useState } from "react";
import {
  formatBytes,
  formatMfu,
  formatRelativeSpeed,
  formatSeconds,
  formatShare,
  originText,
} from "../../../common/format.ts";
import type { HistoryRun } from "../../../common/history.ts";
import { type Mark, VerdictMark } from "../../shell/ui/verdict-mark.tsx";
import { compareSelected, showRun } from "./actions.ts";
import classes from "./history.module.css";
import { type Sorting, type SortKey, selectRow } from "./run-table.ts";

const ROW_HEIGHT = 24;

const COLUMNS: readonly { key: SortKey; title: string; isNumber: boolean }[] = [
  { key: "id", title: "Run", isNumber: true },
  { key: "state", title: "Verdict", isNumber: false },
  { key: "submission", title: "Submission", isNumber: false },
  { key: "score", title: "Score", isNumber: true },
  { key: "profile", title: "Profile", isNumber: false },
  { key: "duration", title: "Duration", isNumber: true },
  { key: "created", title: "Started", isNumber: false },
  { key: "bytes", title: "Disk", isNumber: true },
];

export type RunTableProps = {
  runs: readonly HistoryRun[];
  baselineRunId: string | null;
  /** What differs between a run's rules and those in force, by its number. */
  stale: ReadonlyMap<string, readonly string[]>;
  sorting: Sorting;
  onSort: (sorting: Sorting) => void;
  selected: ReadonlySet<string>;
  onSelect: (selected: ReadonlySet<string>) => void;
  onDelete: () => void;
  onPin: (runId: string) => void;
  onSearch: () => void;
};

export function RunTable(props: RunTableProps) {
  const { runs, baselineRunId, stale, sorting, onSort, selected, onSelect, onDelete, onPin, onSearch } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const [activeId, setActiveId] = useState<string | null>(null);
  const anchor = useRef<string | null>(null);
  const virtualizer = useVirtualizer({
    count: runs.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_HEIGHT,
    overscan: 12,
    getItemKey: (index) => runs[index]?.id ?? index,
  });
  const order = () => runs.map(({ id }) => id);
  const activeIndex = Math.max(0, activeId === null ? 0 : runs.findIndex(({ id }) => id === activeId));

  const focusRow = useRef(false);
  const hasFocus = useRef(false);
  /** Where the active row stood. */
  const place = useRef(0);
  useEffect(() => {
    const index = runs.findIndex(({ id }) => id === activeId);
    if (index !== -1) place.current = index;
    else if (activeId !== null) {
      // It was deleted: the one that moved up is next, and takes the focus where the row had it.
      const next = runs[Math.min(place.current, runs.length - 1)];
      focusRow.current = hasFocus.current;
      setActiveId(next?.id ?? null);
    }
  }, [runs, activeId]);
  useEffect(() => {
    if (!focusRow.current) return;
    const row = scroller.current?.querySelector<HTMLElement>(`[data-run="${activeId}"]`);
    if (!row) return;
    focusRow.current = false;
    row.focus({ preventScroll: true });
  });

  const choose = (index: number, mode: "only" | "toggle" | "range") => {
    const id = runs[index]?.id;
    if (id === undefined) return;
    onSelect(selectRow(selected, order(), id, { anchor: anchor.current, mode }));
    if (mode !== "range") anchor.current = id;
    moveTo(index);
  };
  const moveTo = (index: number) => {
    focusRow.current = true;
    setActiveId(runs[index]?.id ?? null);
    virtualizer.scrollToIndex(index);
  };

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.altKey || (event.target as HTMLElement).closest("[data-run]") === null) return;
    const page = Math.max(1, Math.floor((scroller.current?.clientHeight ?? 0) / ROW_HEIGHT) - 2);
    const moves = new Map([
      ["ArrowDown", 1],
      ["ArrowUp", -1],
      ["PageDown", page],
      ["PageUp", -page],
      ["Home", -runs.length],
      ["End", runs.length],
    ]);
    const move = moves.get(event.key);
    const isCommand = event.ctrlKey || event.metaKey;
    const run = runs[activeIndex];
    if (move !== undefined) {
      const index = Math.min(runs.length - 1, Math.max(0, activeIndex + move));
      if (isCommand) moveTo(index);
      else choose(index, event.shiftKey ? "range" : "only");
    } else if (event.key === " ") choose(activeIndex, "toggle");
    else if (isCommand && event.key === "a") onSelect(new Set(order()));
    else if (isCommand || run === undefined) return;
    else if (event.key === "Enter") showRun(run.id);
    else if (event.key === "Escape") onSelect(new Set());
    else if (event.key === "Delete") onDelete();
    else if (event.key.toLowerCase() === "c") {
      if (!compareSelected(selected)) return;
    } else if (event.key.toLowerCase() === "p") onPin(run.id);
    else if (event.key === "/") onSearch();
    else return;
    event.preventDefault();
  };

  const onClick = (event: MouseEvent, index: number) => {
    choose(index, event.shiftKey ? "range" : event.ctrlKey || event.metaKey ? "toggle" : "only");
  };

  const rows = virtualizer.getVirtualItems();
  const inSight = rows.some(({ index }) => index === activeIndex);
  return (
    <div
      ref={scroller}
      className={classes.table}
      role="grid"
      aria-label="Runs. Enter shows the result, C compares two, P pins the baseline, Delete deletes."
      aria-rowcount={runs.length + 1}
      aria-multiselectable
      onKeyDown={onKeyDown}
      onFocus={({ target }) => {
        hasFocus.current = target.closest("[data-run]") !== null;
      }}
      onBlur={() => {
        hasFocus.current = false;
      }}
    >
      <div className={classes.head} role="row" aria-rowindex={1}>
        {COLUMNS.map(({ key, title, isNumber }) => {
          const isSorted = sorting.key === key;
          const Arrow = sorting.descending ? IconArrowDown : IconArrowUp;
          return (
            <div
              key={key}
              role="columnheader"
              data-number={isNumber}
              aria-sort={isSorted ? (sorting.descending ? "descending" : "ascending") : "none"}
            >
              <button
                type="button"
                onClick={() => onSort({ key, descending: isSorted ? !sorting.descending : key !== "submission" })}
              >
                {title} {isSorted && <Arrow size="1em" aria-hidden />}
              </button>
            </div>
          );
        })}
        <div role="columnheader">Tags and note</div>
      </div>
      <div role="rowgroup" style={{ height: virtualizer.getTotalSize(), position: "relative" }}>
        {rows.map(({ index, key, start }, position) => {
          const run = runs[index];
          if (run === undefined) return null;
          const isActive = inSight ? index === activeIndex : position === 0;
          return (
            // biome-ignore lint/a11y/useKeyWithClickEvents: the grid takes the keys for all its rows
            <div
              key={key}
              role="row"
              tabIndex={isActive ? 0 : -1}
              data-run={run.id}
              aria-rowindex={index + 2}
              aria-selected={selected.has(run.id)}
              className={classes.row}
              style={{ transform: `translateY(${start}px)` }}
              onFocus={() => setActiveId(run.id)}
              onClick={(event) => onClick(event, index)}
              onDoubleClick={() => showRun(run.id)}
            >
              <Cells run={run} isBaseline={run.id === baselineRunId} stale={stale.get(run.id) ?? []} />
            </div>
          );
        })}
      </div>
    </div>
  );
}

const MARKS: Record<HistoryRun["state"], Mark> = {
  running: "running",
  interrupted: "interrupted",
  passed: "passed",
  failed: "failed",
  error: "error",
  cancelled: "cancelled",
};

const dates = new Intl.DateTimeFormat("en-CA", { dateStyle: "short", timeStyle: "short", hour12: false });

type CellsProps = { run: HistoryRun; isBaseline: boolean; stale: readonly string[] };

function Cells({ run, isBaseline, stale }: CellsProps) {
  const { id, state, submission, failure, score, profile, wallSeconds, createdAt, bytes, tags, note } = run;
  const judgedBy = run.productionRevision;
  const mark = state === "passed" && !run.comparable ? "notComparable" : MARKS[state];
  const word = state === "failed" ? (failure?.code ?? failure?.kind ?? state) : state;
  const cell = (content: ReactNode, isNumber: boolean, title?: string) => (
    <div role="gridcell" data-number={isNumber} title={title}>
      {content}
    </div>
  );
  return (
    <>
      {cell(
        <>
          {isBaseline && <IconPin size="1em" aria-label="baseline" />} {id}
        </>,
        true,
      )}
      {cell(<VerdictMark mark={mark} word={word} />, false, failure?.message)}
      {cell(
        <>
          {submission.name} <span className={classes.dim}>v{submission.version}</span>
          {submission.origin !== undefined && (
            <span className={classes.foreign}>
              {" "}
              <IconFileImport size="1em" aria-hidden /> {originText(submission.origin)}
            </span>
          )}
        </>,
        false,
        submission.origin === undefined ? submission.path : originText(submission.origin),
      )}
      {cell(scoreCell(run), true, score === null ? undefined : scoreTitle(run, stale))}
      {cell(
        <>
          {/* The words make way where the column is narrow; the mark does not. */}
          {judgedBy !== undefined && <IconGavel size="1em" className={classes.stale} aria-hidden />}{" "}
          {stale.length > 0 && <IconAlertTriangle size="1em" className={classes.stale} aria-hidden />} {profile.name}{" "}
          <span className={classes.dim}>x{run.numRanks}</span>
          {judgedBy !== undefined && <span className={classes.stale}> production's {judgedBy}</span>}
          {stale.length > 0 && <span className={classes.stale}> other rules</span>}
        </>,
        false,
        [
          `${run.numRanks} ranks, ${run.backend}`,
          ...(judgedBy === undefined ? [] : [`judged by production's env.py, revision ${judgedBy}`]),
          ...stale,
        ].join("; "),
      )}
      {cell(wallSeconds === null ? "" : formatSeconds(wallSeconds), true)}
      {cell(<time dateTime={createdAt}>{dates.format(new Date(createdAt))}</time>, false)}
      {cell(formatBytes(bytes), true)}
      {cell(
        <>
          {tags.map((tag) => (
            <span key={tag} className={classes.tag}>
              {tag}
            </span>
          ))}
          {note}
        </>,
        false,
        note === "" ? undefined : note,
      )}
    </>
  );
}

function scoreTitle({ comparable }: HistoryRun, stale: readonly string[]): string | undefined {
  if (!comparable) return "not a score of the leaderboard's";
  return stale.length === 0 ? undefined : "under other rules than those in force";
}

function scoreCell({ score, successRate, repeatsPlanned }: HistoryRun): string {
  if (score === null) return "";
  const value = score.kind === "mfu_percent" ? formatMfu(score.value) : formatRelativeSpeed(score.value);
  const all = successRate === null || successRate === 1;
  return repeatsPlanned === 1 ? value : `${value} n=${repeatsPlanned}${all ? "" : ` ${formatShare(successRate)}`}`;
}
