// biome-ignore-all lint/a11y/useSemanticElements: rows that are placed by hand are no table to a browser
// biome-ignore-all lint/a11y/useFocusableInteractive: the focus goes from row to row
/** A list of submissions: only the rows in sight exist, and are read; all of it works by keyboard. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { type CSSProperties, type KeyboardEvent, type ReactNode, useEffect, useRef, useState } from "react";
import type { SubmissionReference } from "../../../common/arena.ts";
import { selectRow } from "../history/run-table.ts";
import classes from "./arena.module.css";
import { type Selected, select } from "./view.ts";
import { keyOf } from "./words.ts";

const ROW_HEIGHT = 24;

export type Column<Row> = {
  title: string;
  isNumber?: boolean;
  /** As the column of a CSS grid. */
  width: string;
  cell: (row: Row) => ReactNode;
  /** In full, where the cell may cut it short. */
  full?: (row: Row) => string;
};

export type SubmissionGridProps<Row> = {
  label: string;
  columns: readonly Column<Row>[];
  /** By place; those that are not read yet are not there. */
  rows: ReadonlyMap<number, Row>;
  total: number;
  submissionOf: (row: Row) => SubmissionReference;
  selected: Selected;
  /** These places are in sight. */
  onSight?: (first: number, last: number) => void;
  onOpen: (submission: SubmissionReference) => void;
  /** False where there is nothing to compare. */
  onCompare: () => boolean;
  onSearch: () => void;
};

export function SubmissionGrid<Row>(props: SubmissionGridProps<Row>) {
  const { label, columns, rows, total, submissionOf, selected, onSight, onOpen, onCompare, onSearch } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const [active, setActive] = useState<{ index: number; key: string | null }>({ index: 0, key: null });
  const anchor = useRef<string | null>(null);
  const focusRow = useRef(false);
  const virtualizer = useVirtualizer({
    count: total,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_HEIGHT,
    overscan: 12,
  });
  const keyAt = (index: number) => {
    const row = rows.get(index);
    return row === undefined ? null : keyOf(submissionOf(row));
  };
  const items = virtualizer.getVirtualItems();
  const [first, last] = [items[0]?.index, items.at(-1)?.index];
  useEffect(() => {
    if (first !== undefined && last !== undefined) onSight?.(first, last);
  }, [first, last, onSight]);

  // A row that moved takes its place along.
  const isActiveKnown = active.key === null || keyAt(active.index) === active.key;
  const moved = isActiveKnown ? undefined : [...rows.keys()].find((index) => keyAt(index) === active.key);
  const activeIndex = Math.max(0, Math.min(total - 1, moved ?? active.index));
  const inSight = items.some(({ index }) => index === activeIndex);

  useEffect(() => {
    if (!focusRow.current) return;
    const row = scroller.current?.querySelector<HTMLElement>(`[data-index="${activeIndex}"]`);
    if (!row) return;
    focusRow.current = false;
    row.focus({ preventScroll: true });
  });

  const order = () => [...rows.keys()].sort((a, b) => a - b).flatMap((index) => keyAt(index) ?? []);
  const references = () => {
    const known = new Map(selected);
    for (const row of rows.values()) known.set(keyOf(submissionOf(row)), submissionOf(row));
    return known;
  };
  const selectKeys = (keys: Iterable<string>) => {
    const known = references();
    select(
      new Map(
        [...keys].flatMap((key) => {
          const reference = known.get(key);
          return reference === undefined ? [] : [[key, reference] as const];
        }),
      ),
    );
  };
  const moveTo = (index: number) => {
    focusRow.current = true;
    setActive({ index, key: keyAt(index) });
    virtualizer.scrollToIndex(index);
  };
  const choose = (index: number, mode: "only" | "toggle" | "range") => {
    const key = keyAt(index);
    moveTo(index);
    if (key === null) return;
    selectKeys(selectRow(new Set(selected.keys()), order(), key, { anchor: anchor.current, mode }));
    if (mode !== "range") anchor.current = key;
  };
  const open = (index: number) => {
    const row = rows.get(index);
    if (row !== undefined) onOpen(submissionOf(row));
  };

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.altKey || (event.target as HTMLElement).closest("[data-submission]") === null) return;
    const page = Math.max(1, Math.floor((scroller.current?.clientHeight ?? 0) / ROW_HEIGHT) - 2);
    const moves = new Map([
      ["ArrowDown", 1],
      ["ArrowUp", -1],
      ["PageDown", page],
      ["PageUp", -page],
      ["Home", -total],
      ["End", total],
    ]);
    const move = moves.get(event.key);
    const isCommand = event.ctrlKey || event.metaKey;
    if (move !== undefined) {
      const index = Math.min(total - 1, Math.max(0, activeIndex + move));
      if (isCommand) moveTo(index);
      else choose(index, event.shiftKey ? "range" : "only");
    } else if (event.key === " ") choose(activeIndex, "toggle");
    else if (isCommand) return;
    else if (event.key === "Enter") open(activeIndex);
    else if (event.key === "Escape") select(new Map());
    else if (event.key.toLowerCase() === "c") {
      if (!onCompare()) return;
    } else if (event.key === "/") onSearch();
    else return;
    event.preventDefault();
  };

  const style = { "--columns": columns.map(({ width }) => width).join(" ") } as CSSProperties;
  return (
    <div
      ref={scroller}
      className={classes.grid}
      style={style}
      role="grid"
      aria-label={`${label}. Enter opens, Space selects, C compares, / searches.`}
      aria-rowcount={total + 1}
      aria-multiselectable
      onKeyDown={onKeyDown}
    >
      <div className={classes.head} role="row" aria-rowindex={1}>
        {columns.map(({ title, isNumber }) => (
          <div key={title} role="columnheader" data-number={isNumber}>
            {title}
          </div>
        ))}
      </div>
      <div role="rowgroup" style={{ height: virtualizer.getTotalSize(), position: "relative" }}>
        {items.map(({ index, start }, position) => {
          const row = rows.get(index);
          const key = keyAt(index);
          const isActive = inSight ? index === activeIndex : position === 0;
          return (
            // biome-ignore lint/a11y/useKeyWithClickEvents: the grid takes the keys for all its rows
            <div
              key={index}
              role="row"
              tabIndex={isActive ? 0 : -1}
              data-submission={row === undefined ? "" : submissionOf(row).submissionId}
              data-index={index}
              aria-rowindex={index + 2}
              aria-selected={key !== null && selected.has(key)}
              aria-busy={row === undefined || undefined}
              className={classes.row}
              style={{ transform: `translateY(${start}px)` }}
              onFocus={() => setActive({ index, key })}
              onClick={(event) =>
                choose(index, event.shiftKey ? "range" : event.ctrlKey || event.metaKey ? "toggle" : "only")
              }
              onDoubleClick={() => open(index)}
            >
              {columns.map(({ title, isNumber, cell, full }, column) => (
                <div
                  key={title}
                  role="gridcell"
                  data-number={isNumber}
                  title={row === undefined ? undefined : full?.(row)}
                >
                  {row === undefined ? column === 0 && "..." : cell(row)}
                </div>
              ))}
            </div>
          );
        })}
      </div>
    </div>
  );
}
