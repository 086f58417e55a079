/** A unified diff; only the lines in sight exist. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { useMemo, useRef } from "react";
import { formatInteger } from "../../../common/format.ts";
import classes from "./compare.module.css";
import { type DiffLine, parseUnifiedDiff } from "./unified-diff.ts";

const LINE_HEIGHT = 18;
const MAX_HEIGHT = 480;

const SIGNS: Record<DiffLine["kind"], string> = { added: "+", removed: "-", same: "", hunk: "", note: "" };
const WORDS: Record<DiffLine["kind"], string> = { added: "added", removed: "removed", same: "", hunk: "", note: "" };

export function DiffView({ diff }: { diff: string }) {
  const { lines, added, removed } = useMemo(() => parseUnifiedDiff(diff), [diff]);
  const scroller = useRef<HTMLDivElement>(null);
  const virtualizer = useVirtualizer({
    count: lines.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => LINE_HEIGHT,
    overscan: 20,
  });
  const total = virtualizer.getTotalSize();
  return (
    <div className={classes.diffFrame}>
      <div className={classes.dim}>
        {formatInteger(added)} {added === 1 ? "line" : "lines"} added, {formatInteger(removed)} removed in B
      </div>
      <section
        ref={scroller}
        className={classes.diff}
        style={{ height: Math.min(MAX_HEIGHT, total) + 2 }}
        aria-label="Differences of the code"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a part that scrolls is reached by keyboard
        tabIndex={0}
      >
        <div style={{ height: total, position: "relative" }}>
          {virtualizer.getVirtualItems().map(({ index, key, start }) => {
            const line = lines[index];
            if (line === undefined) return null;
            return (
              <div
                key={key}
                className={classes.diffLine}
                data-kind={line.kind}
                style={{ transform: `translateY(${start}px)` }}
              >
                <span className={classes.lineNumber}>{line.before ?? ""}</span>
                <span className={classes.lineNumber}>{line.after ?? ""}</span>
                <span aria-hidden>{SIGNS[line.kind]}</span>
                <span>
                  {WORDS[line.kind] !== "" && <span className="visually-hidden">{WORDS[line.kind]}: </span>}
                  {line.text}
                </span>
              </div>
            );
          })}
        </div>
      </section>
    </div>
  );
}
