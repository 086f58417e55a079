/** What it takes to lead, what becomes of one's own best, and what the winner earns. */
import { formatMfu, formatSignedPercent } from "../../../common/format.ts";
import classes from "./arena.module.css";
import type { BoardHead } from "./arena-store.ts";
import { LeaderMark } from "./columns.tsx";
import { blockText, ownText, rewardText, shortHotkey } from "./words.ts";

export function BoardFacts({ board, profile, nowMs }: { board: BoardHead; profile: string; nowMs: number }) {
  const { leader, threshold, own, notes, problem } = board;
  const reward = rewardText(board);
  return (
    <dl className={classes.facts}>
      <div>
        <dt>Leader</dt>
        <dd>
          {leader === null ? (
            "Nobody has finished yet."
          ) : (
            <>
              <LeaderMark />
              <b className="number">{formatMfu(leader.score)}</b>{" "}
              {leader.uid !== null && <span className="number">uid {leader.uid} </span>}
              {leader.hotkey !== null && (
                <span className="mono" title={leader.hotkey}>
                  {shortHotkey(leader.hotkey)}
                </span>
              )}
              {leader.isOwn && <b className={classes.own}> your own</b>}
            </>
          )}
        </dd>
      </div>
      <div>
        <dt>{problem === null ? "Threshold now" : "Threshold when it last answered"}</dt>
        <dd>
          <b className="number">{formatSignedPercent(100 * threshold.now)}</b>
          {threshold.scoreToPass !== null && (
            <>
              : more than <b className="number">{formatMfu(threshold.scoreToPass)}</b> leads
            </>
          )}
          <span className={classes.dim}>
            {" "}
            {threshold.state === null ? "the rules' base; the source tells no threshold" : blockText(threshold)}
          </span>
        </dd>
      </div>
      <div>
        <dt>Own</dt>
        <dd>
          {own.length === 0
            ? "No own submission on the board, and no own run with a score that compares."
            : own.map((each) => <p key={JSON.stringify(each.from)}>{ownText(each, board, nowMs)}</p>)}
        </dd>
      </div>
      {reward !== null && (
        <div>
          <dt>The winner earns</dt>
          <dd>
            {reward} <span className={classes.dim}>By {profile}.</span>
          </dd>
        </div>
      )}
      {notes.map((note) => (
        <div key={note}>
          <dt>Note</dt>
          <dd className={classes.caution}>{note}</dd>
        </div>
      ))}
    </dl>
  );
}
