/** What is known of a submission beside its code: who, when, what the validator measured and said. */
import type { ArenaEvaluation, ShownSubmission, SubmissionReference } from "../../../../common/arena.ts";
import { formatInteger, formatMfu, formatSeconds } from "../../../../common/format.ts";
import { VerdictMark } from "../../../shell/ui/verdict-mark.tsx";
import { showRun } from "../../history/actions.ts";
import { CopiedFact, Fact, Facts } from "../../submission/facts.tsx";
import { shownMoment } from "../words.ts";
import { type ExplainedError, explainedErrors } from "./explained.ts";
import { LinkButton } from "./link-button.tsx";
import classes from "./submission-page.module.css";

export function FactsPart({ shown, onOpen }: { shown: ShownSubmission; onOpen: (other: SubmissionReference) => void }) {
  const { submission, codeHash, codeMatches, code, codeUrl, specVersion, paymentVerified, sameCode, runIds } = shown;
  const { source, hotkey, uid, isOwn, createdAt, zoneAssumed, updatedAt, commitBlock, isListed } = submission;
  return (
    <section className={classes.part} aria-label="Facts">
      <h3 className={classes.title}>Commitment, reveal and payment</h3>
      <Facts>
        {hotkey !== null && <CopiedFact name={isOwn ? "Hotkey (own)" : "Hotkey"} value={hotkey} />}
        {uid !== null && (
          <Fact name="Uid">
            <span className="number">{uid}</span>
          </Fact>
        )}
        <Fact name="Block, by its id">
          <span className="number">{commitBlock === null ? "not told" : formatInteger(commitBlock)}</span>
        </Fact>
        <Fact name="Revealed to the validator">
          {createdAt === null ? "not told" : shownMoment(createdAt)}
          {zoneAssumed && <span className={classes.dim}> (told without a zone, taken as UTC)</span>}
        </Fact>
        {updatedAt !== null && <Fact name="Last change">{shownMoment(updatedAt)}</Fact>}
        <Fact name="Payment">
          {paymentVerified === null ? (
            "not told"
          ) : (
            <VerdictMark
              mark={paymentVerified ? "info" : "error"}
              word={paymentVerified ? "verified by the validator" : "not verified"}
            />
          )}
        </Fact>
        {codeHash === null ? (
          <Fact name="Committed hash">not told</Fact>
        ) : (
          <CopiedFact name="Committed hash" value={codeHash} />
        )}
        {code !== null && <CopiedFact name="SHA-256 of the code" value={code.sha256} />}
        <Fact name="Code and commitment">
          {codeMatches === null ? (
            "cannot be compared: one of the two is not known"
          ) : (
            <VerdictMark
              mark={codeMatches ? "info" : "failed"}
              word={codeMatches ? "the code is what was committed" : "this is not the code that was committed"}
            />
          )}
        </Fact>
        {/* To copy, never to click: it is another's server. */}
        {codeUrl !== null && <CopiedFact name="URL" value={codeUrl} />}
        {specVersion !== null && <Fact name="Spec version">{specVersion}</Fact>}
        {!isListed && <Fact name="Listed">no longer: {source} does not name it any more</Fact>}
        {sameCode.length > 0 && (
          <Fact name="The same code">
            <span className={classes.line}>
              {sameCode.map((other) => (
                <LinkButton key={`${other.source} ${other.submissionId}`} onClick={() => onOpen(other)}>
                  {other.submissionId}
                  {other.source === source ? "" : ` of ${other.source}`}
                </LinkButton>
              ))}
            </span>
          </Fact>
        )}
        {runIds.length > 0 && (
          <Fact name="Own runs of it">
            <span className={classes.line}>
              {runIds.map((runId) => (
                <LinkButton key={runId} onClick={() => showRun(runId)}>
                  run {runId}
                </LinkButton>
              ))}
            </span>
          </Fact>
        )}
      </Facts>
    </section>
  );
}

export function EvaluationsPart({ shown: { submission, evaluations, spread } }: { shown: ShownSubmission }) {
  const explained = explainedErrors([submission, ...evaluations]);
  return (
    <section className={classes.part} aria-label="Evaluations">
      <h3 className={classes.title}>Evaluations</h3>
      {spread !== null && (
        <p className="number">
          {spread.count === 1
            ? `One successful: ${formatMfu(spread.lowMedian)}`
            : `${formatInteger(spread.count)} successful: ${formatMfu(spread.lowest)} to ${formatMfu(spread.highest)}, median ${formatMfu(spread.lowMedian)}, spread ${formatMfu(spread.spreadPercent)} of it`}
        </p>
      )}
      {submission.error !== null && (
        <p>
          <VerdictMark mark="failed" word={submission.errorCode ?? submission.status ?? "failed"} />{" "}
          <span className={classes.breakable}>{submission.error}</span>
        </p>
      )}
      {explained.map((each) => (
        <Explained key={each.code} {...each} />
      ))}
      {evaluations.length === 0 ? (
        <p className={classes.dim}>None is known.</p>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a part that scrolls is reached by keyboard
        <section className={classes.scrolled} aria-label="List of evaluations" tabIndex={0}>
          <table className={classes.table}>
            <thead>
              <tr>
                <th scope="col">When</th>
                <th scope="col">Outcome</th>
                <th scope="col" data-number>
                  MFU
                </th>
                <th scope="col" data-number>
                  Tokens/s
                </th>
                <th scope="col" data-number>
                  Time
                </th>
              </tr>
            </thead>
            <tbody>
              {evaluations.map((evaluation) => (
                <Evaluation key={evaluation.evaluationId} evaluation={evaluation} />
              ))}
            </tbody>
          </table>
        </section>
      )}
    </section>
  );
}

function Evaluation({ evaluation }: { evaluation: ArenaEvaluation }) {
  const { createdAt, success, error, errorCode, mfu, tokensPerSecond, wallSeconds } = evaluation;
  return (
    <tr>
      <td>{createdAt === null ? "not told" : <time dateTime={createdAt}>{shownMoment(createdAt)}</time>}</td>
      <td>
        {success === null ? (
          "not told"
        ) : (
          <VerdictMark mark={success ? "info" : "failed"} word={success ? "measured" : (errorCode ?? "failed")} />
        )}
        {error !== null && <div className={classes.breakable}>{error}</div>}
      </td>
      <td data-number>{mfu === null ? "" : formatMfu(mfu)}</td>
      <td data-number>{tokensPerSecond === null ? "" : formatInteger(tokensPerSecond)}</td>
      <td data-number>{wallSeconds === null ? "" : formatSeconds(wallSeconds)}</td>
    </tr>
  );
}

function Explained({ code, explanation: { compared, causes, endsSeries } }: ExplainedError) {
  return (
    <section className={classes.explained} aria-label={`What ${code} means`}>
      <p>
        <code>{code}</code>: {compared}
        {endsSeries && " This code ends the whole series, whatever earlier repeats gave."}
      </p>
      {causes.length > 0 && (
        <details>
          <summary>What may have caused it</summary>
          <ul>
            {causes.map(({ text, advice }) => (
              <li key={text}>
                {text} <span className={classes.dim}>{advice}</span>
              </li>
            ))}
          </ul>
        </details>
      )}
    </section>
  );
}
