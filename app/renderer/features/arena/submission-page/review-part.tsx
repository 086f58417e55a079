/** What the scan and the heuristics find, and which techniques are used; each leads to its line. */
import type { SubmissionReference } from "../../../../common/arena.ts";
import type { Inspection } from "../../../../common/arena-review.ts";
import { formatInteger } from "../../../../common/format.ts";
import type { Evidence, Technique } from "../../../../common/review.ts";
import { ErrorState, Loading } from "../../../shell/ui/states.tsx";
import { VerdictMark } from "../../../shell/ui/verdict-mark.tsx";
import { verdictWords } from "../../editor/findings.ts";
import type { Loaded } from "../../production/use-loaded.ts";
import { shownMoment } from "../words.ts";
import { SEVERITY_WORDS } from "./line-marks.ts";
import { LinkButton } from "./link-button.tsx";
import { useTechniqueHistory } from "./reading.ts";
import classes from "./submission-page.module.css";

export type Jump = (line: number, column: number) => void;

/** More of one kind are no help to a reader. */
const MAX_LISTED = 50;

type ReviewProps = { inspected: Loaded<Inspection | null>; onJump: Jump };

export function ReviewPart({ inspected: { value, error, again }, onJump }: ReviewProps) {
  return (
    <section className={classes.part} aria-label="Review" aria-busy={value === null && error === null}>
      <h3 className={classes.title}>Review</h3>
      {error !== null && <ErrorState error={error} retry={again} />}
      {error === null && value === null && <Loading what="Scanning and reviewing" />}
      {value !== null && (
        <>
          <Scan inspection={value} onJump={onJump} />
          <Findings inspection={value} onJump={onJump} />
        </>
      )}
    </section>
  );
}

function Scan({ inspection: { analysis, rules, ofItsTime }, onJump }: { inspection: Inspection; onJump: Jump }) {
  const { verdict, findings } = analysis;
  return (
    <>
      <p>
        <VerdictMark mark={verdict.ok ? "passed" : "failed"} word={`the scan ${verdictWords(analysis)}`} />{" "}
        <span className={classes.dim}>by the rules in force ({rules})</span>
      </p>
      {ofItsTime === null ? (
        <p className={classes.dim}>
          The rules of its time are not known: no revision of the validator's source from before it was fetched here.
        </p>
      ) : (
        <p>
          <VerdictMark
            mark={ofItsTime.verdict.ok ? "passed" : "failed"}
            word={`the scan ${ofItsTime.verdict.ok ? "passed it" : "rejected it"}`}
          />{" "}
          <span className={classes.dim}>
            by the rules of its time ({ofItsTime.rules}, committed {shownMoment(ofItsTime.committedAt)}
            {ofItsTime.isSame ? "; the same as now" : ""})
          </span>{" "}
          {!ofItsTime.verdict.ok && ofItsTime.verdict.line !== null && (
            <LinkButton onClick={() => onJump(ofItsTime.verdict.line ?? 1, 1)}>
              line {formatInteger(ofItsTime.verdict.line)}
            </LinkButton>
          )}
        </p>
      )}
      {findings.length > 0 && (
        <ul className={classes.list} aria-label="What the scan rejects">
          {findings.slice(0, MAX_LISTED).map(({ rule, line, column, message }) => (
            <li key={`${rule} ${line} ${column}`}>
              <LinkButton onClick={() => onJump(line, column)}>line {formatInteger(line)}</LinkButton> {message}
            </li>
          ))}
          {findings.length > MAX_LISTED && <li>and {formatInteger(findings.length - MAX_LISTED)} more</li>}
        </ul>
      )}
    </>
  );
}

const SEVERITY_MARKS = { likely_exploit: "error", worth_a_look: "info" } as const;

function Findings({ inspection: { review }, onJump }: { inspection: Inspection; onJump: Jump }) {
  const { unreviewed, findings } = review;
  if (unreviewed !== null) {
    return (
      <p>
        <VerdictMark mark="interrupted" word="not reviewed" /> {unreviewed.message} That is no clean bill: nothing is
        known.
      </p>
    );
  }
  if (findings.length === 0) {
    return <p>Nothing beyond the scan was found. That is no proof of honesty: read the code.</p>;
  }
  return (
    <ul className={classes.findings} aria-label="Findings">
      {findings.map(({ id, title, severity, line, column, sentence, evidence }) => (
        <li key={`${id} ${line} ${column}`} data-severity={severity}>
          <div className={classes.line}>
            <VerdictMark mark={SEVERITY_MARKS[severity]} word={SEVERITY_WORDS[severity]} />
            <b>{title}</b>
          </div>
          <p>{sentence}</p>
          <Places places={evidence} onJump={onJump} />
        </li>
      ))}
    </ul>
  );
}

function Places({ places, onJump }: { places: readonly Evidence[]; onJump: Jump }) {
  return (
    <ul className={classes.places}>
      {places.slice(0, MAX_LISTED).map(({ line, column, text }) => (
        <li key={`${line} ${column}`}>
          <LinkButton onClick={() => onJump(line, column)}>line {formatInteger(line)}</LinkButton>
          <code className={classes.breakable}>{text}</code>
        </li>
      ))}
      {places.length > MAX_LISTED && <li>and {formatInteger(places.length - MAX_LISTED)} more places</li>}
    </ul>
  );
}

type TechniquesProps = {
  reference: SubmissionReference;
  techniques: readonly Technique[];
  onJump: Jump;
  onOpen: (other: SubmissionReference) => void;
};

export function TechniquesPart({ reference, techniques, onJump, onOpen }: TechniquesProps) {
  const { value, error } = useTechniqueHistory(
    reference.source,
    techniques.map(({ id }) => id),
  );
  return (
    <section className={classes.part} aria-label="Techniques">
      <h3 className={classes.title}>Techniques</h3>
      {techniques.length === 0 && <p>None that is known.</p>}
      {error !== null && <p role="alert">When they first appeared is not known: {error.message}</p>}
      {value !== null && !value.isDone && (
        <p className={classes.dim}>
          Looking when they first appeared: {formatInteger(value.reviewed)} of {formatInteger(value.total)} older codes.
        </p>
      )}
      <ul className={classes.findings}>
        {techniques.map(({ id, title, places }) => {
          const first = value?.first.find(({ technique }) => technique === id);
          const isHere = first?.submissionId === reference.submissionId;
          return (
            <li key={id}>
              <div className={classes.line}>
                <b>{title}</b>
                <span className={classes.dim}>
                  {first === undefined ? (
                    value?.isDone === true && "not on the board yet"
                  ) : isHere ? (
                    "new with this one"
                  ) : (
                    <>
                      first in{" "}
                      <LinkButton onClick={() => onOpen({ ...reference, submissionId: first.submissionId })}>
                        {first.submissionId}
                      </LinkButton>
                      {first.createdAt !== null && `, ${shownMoment(first.createdAt)}`}
                    </>
                  )}
                </span>
              </div>
              <Places places={places} onJump={onJump} />
            </li>
          );
        })}
      </ul>
    </section>
  );
}
