/** The arena in pictures: every submission over time, and how the threshold decays. */
import type { ArenaHistory } from "../../../common/arena.ts";
import { client } from "../../client.ts";
import { ErrorState, Loading } from "../../shell/ui/states.tsx";
import classes from "./arena.module.css";
import { type BoardHead, useFollowed } from "./arena-store.ts";
import { DecayChart } from "./decay-chart.tsx";
import { HistoryChart } from "./history-chart.tsx";

const readHistory = (source: string, signal: AbortSignal): Promise<ArenaHistory> =>
  client.arena.history({ source }, { signal });

export default function ArenaCharts({ source, board, nowMs }: { source: string; board: BoardHead; nowMs: number }) {
  const { value: history, error } = useFollowed(source, readHistory);
  return (
    <div className={classes.charts}>
      {error !== null && <ErrorState error={error} />}
      {history === null && error === null && <Loading what="Reading the history" />}
      {history !== null && <HistoryChart history={history} leaderId={board.leader?.submissionId ?? null} />}
      <DecayChart board={board} nowMs={nowMs} />
    </div>
  );
}
