/** Two of anything beside each other: what is known of both, and what differs in their code. */
import { Button } from "@mantine/core";
import { IconArrowsExchange, IconColumns } from "@tabler/icons-react";
import { Fragment, useEffect, useRef } from "react";
import type { ArenaDiff, DiffSide, ShownSubmission } from "../../../common/arena.ts";
import { formatBytes, formatInteger, formatMfu, formatSignedPercent } from "../../../common/format.ts";
import { client } from "../../client.ts";
import { notifyError } from "../../shell/notifications.ts";
import { ErrorState, Loading } from "../../shell/ui/states.tsx";
import { VerdictMark } from "../../shell/ui/verdict-mark.tsx";
import { DiffView } from "../compare/diff-view.tsx";
import { openDiff } from "../editor/index.ts";
import { useLoaded } from "../production/use-loaded.ts";
import classes from "./arena.module.css";
import { goBack, showView } from "./view.ts";
import { ageText, shortHotkey, stateMark } from "./words.ts";

type Loaded = { diff: ArenaDiff; a: ShownSubmission | null; b: ShownSubmission | null };

async function load(a: DiffSide, b: DiffSide, signal: AbortSignal): Promise<Loaded> {
  const known = async (side: DiffSide) =>
    side.kind === "submission"
      ? client.arena.submission({ source: side.source, submissionId: side.submissionId }, { signal })
      : null;
  const [diff, shownA, shownB] = await Promise.all([client.arena.diff({ a, b }, { signal }), known(a), known(b)]);
  return { diff, a: shownA, b: shownB };
}

export function CompareView({ a, b, nowMs }: { a: DiffSide; b: DiffSide; nowMs: number }) {
  const { value, error, again } = useLoaded(JSON.stringify([a, b]), (signal) => load(a, b, signal));
  const back = useRef<HTMLButtonElement>(null);
  // Where the keyboard was is gone with the list.
  useEffect(() => back.current?.focus(), []);
  return (
    <section className={classes.page} aria-label="Comparison">
      <div className={classes.bar}>
        <Button ref={back} onClick={goBack}>
          Back to the list
        </Button>
        <Button
          leftSection={<IconArrowsExchange size="1em" aria-hidden />}
          onClick={() => showView({ kind: "compare", a: b, b: a })}
        >
          Swap A and B
        </Button>
      </div>
      {error !== null && <ErrorState error={error} retry={again} />}
      {value === null && error === null && <Loading what="Comparing" />}
      {value !== null && <Compared {...value} nowMs={nowMs} />}
    </section>
  );
}

function Compared({ diff, a, b, nowMs }: Loaded & { nowMs: number }) {
  return (
    <>
      <table className={classes.compared}>
        <thead>
          <tr>
            <th scope="col">
              <span className="visually-hidden">Fact</span>
            </th>
            <th scope="col">A: {diff.a.title}</th>
            <th scope="col">B: {diff.b.title}</th>
          </tr>
        </thead>
        <tbody>
          {FACTS.map(({ name, of }) => {
            const [left, right] = [a === null ? null : of(a, nowMs), b === null ? null : of(b, nowMs)];
            if (left === null && right === null) return null;
            return (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td>{left}</td>
                <td>
                  {right}
                  {name === "Score" && <Difference a={a} b={b} />}
                </td>
              </tr>
            );
          })}
          <tr>
            <th scope="row">Code</th>
            {[diff.a, diff.b].map(({ text, sha256 }, index) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: the two sides
              <Fragment key={index}>
                <td>
                  <span className="number">
                    {formatInteger(text.split("\n").length)} lines, {formatBytes(new TextEncoder().encode(text).length)}
                  </span>{" "}
                  <span className="mono" title={sha256}>
                    {sha256.slice(0, 12)}
                  </span>
                </td>
              </Fragment>
            ))}
          </tr>
        </tbody>
      </table>
      <div className={classes.bar}>
        <h3 className={classes.title}>Code</h3>
        {diff.identical ? (
          <span className={classes.dim}>the same bytes in both</span>
        ) : (
          <Button
            leftSection={<IconColumns size="1em" aria-hidden />}
            onClick={() =>
              openDiff(
                { kind: "text", title: diff.a.title, text: diff.a.text },
                { kind: "text", title: diff.b.title, text: diff.b.text },
              ).catch((thrown: unknown) => notifyError(thrown))
            }
          >
            Side by side in the editor
          </Button>
        )}
      </div>
      {!diff.identical && diff.diff === null && <p>The files differ too much to be compared line by line in time.</p>}
      {!diff.identical && diff.diff !== null && <DiffView diff={diff.diff} />}
    </>
  );
}

const FACTS: { name: string; of: (shown: ShownSubmission, nowMs: number) => React.ReactNode | null }[] = [
  {
    name: "Score",
    of: ({ submission: { score } }) => (score === null ? null : <span className="number">{formatMfu(score)}</span>),
  },
  { name: "State", of: ({ submission }) => <VerdictMark {...stateMark(submission)} /> },
  { name: "Reason", of: ({ submission: { error } }) => error },
  {
    name: "Runs",
    of: ({ spread }) =>
      spread === null ? null : (
        <span className="number">
          {formatMfu(spread.lowMedian)} [{formatMfu(spread.lowest)}..{formatMfu(spread.highest)}] n={spread.count}
        </span>
      ),
  },
  {
    name: "Miner",
    of: ({ submission: { uid, hotkey, isOwn } }) => (
      <>
        {uid !== null && `uid ${uid} `}
        {hotkey !== null && (
          <span className="mono" title={hotkey}>
            {shortHotkey(hotkey)}
          </span>
        )}
        {isOwn && <b className={classes.own}> own</b>}
      </>
    ),
  },
  {
    name: "Age",
    of: ({ submission: { createdAt } }, nowMs) => (createdAt === null ? null : ageText(createdAt, nowMs)),
  },
  { name: "Source", of: ({ submission: { source } }) => source },
];

function Difference({ a, b }: Pick<Loaded, "a" | "b">) {
  const [before, after] = [a?.submission.score ?? null, b?.submission.score ?? null];
  if (before === null || after === null || before === 0) return null;
  return <span className="number"> ({formatSignedPercent((100 * (after - before)) / before)} against A)</span>;
}
