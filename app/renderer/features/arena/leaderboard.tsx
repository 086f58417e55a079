/** Who leads, and what follows: the board of one source, what it takes to pass, and both in pictures. */
import { Button } from "@mantine/core";
import { IconChartLine } from "@tabler/icons-react";
import { type ReactNode, Suspense, startTransition, useEffect, useMemo, useState } from "react";
import type { BoardEntry } from "../../../common/arena.ts";
import { formatInteger } from "../../../common/format.ts";
import { lazily } from "../../shell/lazily.tsx";
import { EmptyState, ErrorState, Loading } from "../../shell/ui/states.tsx";
import classes from "./arena.module.css";
import { type BoardHead, useBoard, wantBoard } from "./arena-store.ts";
import { BoardFacts } from "./board-facts.tsx";
import { ageColumn, idColumn, LeaderMark, minerColumns, runsColumn, scoreColumn } from "./columns.tsx";
import { compareSelected } from "./compare.ts";
import { type Column, SubmissionGrid } from "./submission-grid.tsx";
import { type Selected, showView } from "./view.ts";

const Charts = lazily(() => import("./arena-charts.tsx"));

export type LeaderboardProps = {
  source: string;
  /** Null: none scores, or they are not read yet. */
  profile: string | null;
  nowMs: number;
  selected: Selected;
  charts: boolean;
  onCharts: (charts: boolean) => void;
  onSearch: () => void;
};

const itself = (entry: BoardEntry) => entry;
const referenceOf = ({ source, submissionId }: BoardEntry) => ({ source, submissionId });

export function Leaderboard({ source, profile, nowMs, selected, charts, onCharts, onSearch }: LeaderboardProps) {
  const { rows, total, head, error } = useBoard(source, profile);
  const columns = useMemo(
    (): Column<BoardEntry>[] => [
      {
        title: "Rank",
        isNumber: true,
        width: "3.25rem",
        cell: ({ rank }) => (
          <>
            {rank === 1 && <LeaderMark />}
            {formatInteger(rank)}
          </>
        ),
        full: () => "By the leader rule: a new leader has to be better by the threshold; the others follow by score.",
      },
      {
        title: "By score",
        isNumber: true,
        width: "4rem",
        cell: ({ scoreRank }) => formatInteger(scoreRank),
        full: () => "By the score alone",
      },
      scoreColumn(itself),
      runsColumn(itself),
      ...minerColumns(itself),
      ageColumn(itself, nowMs),
      idColumn(itself),
    ],
    [nowMs],
  );
  if (profile === null) return <Loading what="Reading the profiles" />;
  if (head === null || head.source !== source) {
    return error === null ? <Loading what="Reading the board" /> : <ErrorState error={error} />;
  }
  return (
    <>
      <BoardFacts board={head} profile={profile} nowMs={nowMs} />
      <div className={classes.bar}>
        <output className={classes.count}>{countText(head)}</output>
        {error !== null && <span className={classes.caution}>{error.message}</span>}
        <Button
          leftSection={<IconChartLine size="1em" aria-hidden />}
          aria-pressed={charts}
          onClick={() => onCharts(!charts)}
        >
          Charts
        </Button>
      </div>
      {total === 0 ? (
        <EmptyState title="Nobody is on the board">
          A submission is on it once it has finished with a score. What waits, and what failed, is under Validator.
        </EmptyState>
      ) : (
        <SubmissionGrid
          label="Leaderboard"
          columns={columns}
          rows={rows}
          total={total}
          submissionOf={referenceOf}
          selected={selected}
          onSight={wantBoard}
          onOpen={(reference) => showView({ kind: "submission", reference })}
          onCompare={compareSelected}
          onSearch={onSearch}
        />
      )}
      {charts && (
        <AfterFirstFrame>
          <Suspense fallback={<Loading what="Loading charts" />}>
            <Charts source={source} board={head} nowMs={nowMs} />
          </Suspense>
        </AfterFirstFrame>
      )}
    </>
  );
}

/** What lies further down does not hold up the first rows. */
function AfterFirstFrame({ children }: { children: ReactNode }) {
  const [isShown, setShown] = useState(false);
  useEffect(() => {
    let frame = requestAnimationFrame(() => {
      frame = requestAnimationFrame(() => startTransition(() => setShown(true)));
    });
    return () => cancelAnimationFrame(frame);
  }, []);
  return isShown ? children : <div className={classes.chartsToCome} />;
}

function countText({ total, unlisted }: BoardHead): string {
  const shown = `${formatInteger(total)} on the board`;
  return unlisted === 0 ? shown : `${shown}; ${formatInteger(unlisted)} that finished are listed no longer`;
}
