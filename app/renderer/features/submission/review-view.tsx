/** What would be signed, decoded in words and amounts, before anything is. */
import { Button } from "@mantine/core";
import { IconArrowLeft } from "@tabler/icons-react";
import { useCallback, useEffect, useId, useState } from "react";
import { MAX_COMMITMENT_BYTES } from "../../../common/commitment.ts";
import type { CrusaderError } from "../../../common/errors.ts";
import { formatAmount, formatInteger } from "../../../common/format.ts";
import { shownText } from "../../../common/shown-text.ts";
import type { DryRun, Fee, Preflight, SubmissionRequest } from "../../../common/submission.ts";
import {
  blockedBy,
  CHECK_TITLES,
  checkStanding,
  STEP_PURPOSES,
  STEP_TITLES,
} from "../../../common/submission-words.ts";
import { client, useConnection } from "../../client.ts";
import { asCrusaderError } from "../../connection.ts";
import { CopyText } from "../../shell/ui/copy-text.tsx";
import { LimitBar } from "../../shell/ui/limit-bar.tsx";
import { ErrorState, Loading } from "../../shell/ui/states.tsx";
import { DecodedCall } from "./decoded-call.tsx";
import { CopiedFact, Fact, Facts } from "./facts.tsx";
import { FeeFacts } from "./fee-facts.tsx";
import { PageHeading } from "./page-heading.tsx";
import { StateMark } from "./state-mark.tsx";
import classes from "./submission.module.css";
import { shownTime } from "./times.ts";
import { clearForm, showView } from "./view.ts";

export function ReviewView({ request, preflight: before }: { request: SubmissionRequest; preflight: Preflight }) {
  const { dryRun, error, again } = useDryRun(request);
  const preflight = dryRun?.preflight ?? before;
  const { fileName, sha256, commitment, fee } = preflight;
  return (
    <>
      <section className={classes.part} aria-label="Review">
        <div className={classes.line}>
          <PageHeading>
            Review: {shownText(fileName)} on {request.network}
          </PageHeading>
          <Button leftSection={<IconArrowLeft size="1em" aria-hidden />} onClick={() => showView({ kind: "new" })}>
            Back
          </Button>
        </div>
        <p>
          Nothing is signed yet. Each of the extrinsics below is shown once more before it is signed, one at a time.
        </p>
      </section>
      <section className={classes.part} aria-label="Committed">
        <h3 className={classes.title}>What is committed</h3>
        {commitment !== null && (
          <Facts>
            <Fact name="Text">
              <CopyText text={commitment.text} what="the text" />
              {fee !== null && request.payment === null && (
                <div className={classes.dim}>
                  The payment is not made yet: its block and extrinsic are stood in for by the longest numbers they can
                  have, so that the size is right.
                </div>
              )}
            </Fact>
            <Fact name="Size">
              <span className="number">
                {commitment.bytes} of {MAX_COMMITMENT_BYTES} bytes
              </span>
              <LimitBar
                used={commitment.bytes / MAX_COMMITMENT_BYTES}
                state={commitment.bytes > MAX_COMMITMENT_BYTES ? "failed" : "plain"}
                label={`${commitment.bytes} of ${MAX_COMMITMENT_BYTES} bytes`}
              />
            </Fact>
            <CopiedFact name="URL" value={commitment.url} />
            <CopiedFact name="SHA-256" value={sha256} />
            {preflight.reveal !== null && (
              <Fact name="Reveal">
                round {formatInteger(preflight.reveal.round)}, about {shownTime(preflight.reveal.time)}
              </Fact>
            )}
          </Facts>
        )}
      </section>
      {fee !== null && (
        <section className={classes.part} aria-label="Fee">
          <h3 className={classes.title}>The fee</h3>
          <Facts>
            <FeeFacts fee={fee} payment={request.payment === null ? "due" : "cited"} />
          </Facts>
          {request.payment === null && <p>A fee that was paid cannot be taken back; a later submission can cite it.</p>}
        </section>
      )}
      <Warnings preflight={preflight} />
      {error !== null && <ErrorState error={error} retry={again} />}
      {dryRun === null && error === null && <Loading what="Building the extrinsics without signing them" />}
      {dryRun !== null && <Steps steps={dryRun.steps} />}
      <Begin request={request} fee={fee} dryRun={dryRun} />
    </>
  );
}

function useDryRun(request: SubmissionRequest) {
  const [answer, setAnswer] = useState<{ dryRun: DryRun | null; error: CrusaderError | null }>({
    dryRun: null,
    error: null,
  });
  const [round, setRound] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: `round` is a person's wish
  useEffect(() => {
    const controller = new AbortController();
    setAnswer({ dryRun: null, error: null });
    client.submission
      .dryRun(request, { signal: controller.signal })
      .then((dryRun) => setAnswer({ dryRun, error: null }))
      .catch((thrown: unknown) => {
        if (!controller.signal.aborted) setAnswer({ dryRun: null, error: asCrusaderError(thrown) });
      });
    return () => controller.abort();
  }, [request, round]);
  return { ...answer, again: useCallback(() => setRound((count) => count + 1), []) };
}

function Warnings({ preflight: { checks } }: { preflight: Preflight }) {
  const shown = checks.filter(({ state }) => state === "warn" || state === "block");
  if (shown.length === 0) return null;
  const isBlocked = shown.some(({ state }) => state === "block");
  return (
    <section className={classes.part} aria-label="Warnings">
      <h3 className={classes.title}>{isBlocked ? "What blocks, and warnings" : "Warnings"}</h3>
      <ul className={classes.checks}>
        {shown.map((check) => (
          <li key={check.id} data-check={check.id} data-state={check.state}>
            <StateMark standing={checkStanding(check)} />
            <div>
              <b>{CHECK_TITLES[check.id]}</b>. {shownText(check.message)}
              {check.hint !== "" && <div className={classes.dim}>{shownText(check.hint)}</div>}
            </div>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Steps({ steps }: Pick<DryRun, "steps">) {
  return (
    <section className={classes.part} aria-label="Extrinsics">
      <h3 className={classes.title}>
        {steps.length === 1 ? "One extrinsic" : `${steps.length} extrinsics, in this order`}
      </h3>
      <ol className={classes.steps}>
        {steps.map(({ step, unsigned, note }) => (
          <li key={step} data-step={step}>
            <h4 className={classes.title}>{STEP_TITLES[step]}</h4>
            <p className={classes.dim}>{STEP_PURPOSES[step]}</p>
            {note !== "" && <p>{shownText(note)}</p>}
            <DecodedCall unsigned={unsigned} />
          </li>
        ))}
      </ol>
    </section>
  );
}

function Begin({ request, fee, dryRun }: { request: SubmissionRequest; fee: Fee | null; dryRun: DryRun | null }) {
  const reasonId = useId();
  const { status } = useConnection();
  const [isBeginning, setBeginning] = useState(false);
  const [error, setError] = useState<CrusaderError | null>(null);
  const reason =
    status !== "connected"
      ? "Not connected."
      : dryRun === null
        ? "The extrinsics are not built yet."
        : blockedBy(dryRun.preflight);
  const steps = dryRun?.steps ?? [];
  const first = steps[0] === undefined ? null : STEP_TITLES[steps[0].step].toLowerCase();
  const paid = steps.flatMap(({ unsigned: { call } }) => (call.kind === "add_stake" ? [call.amountRao] : []))[0];
  const begin = async () => {
    setBeginning(true);
    setError(null);
    try {
      const { id } = await client.submission.begin({ ...request, reviewedFee: fee });
      clearForm();
      showView({ kind: "one", id }, { fullWidth: true });
    } catch (thrown) {
      setError(asCrusaderError(thrown));
      setBeginning(false);
    }
  };
  return (
    <section className={classes.part} aria-label="Begin">
      {error !== null && <ErrorState error={error} />}
      <div className={classes.line}>
        <Button
          variant="filled"
          size="sm"
          disabled={reason !== null}
          loading={isBeginning}
          aria-describedby={reasonId}
          onClick={() => void begin()}
        >
          {paid === undefined ? "Begin the submission" : `Begin the submission with a fee of ${formatAmount(paid)}`}
        </Button>
        <span id={reasonId} className={reason === null ? classes.dim : classes.reason}>
          {reason ?? `Step 1 of ${steps.length} follows: ${first}. Nothing moves before it is signed there.`}
        </span>
      </div>
    </section>
  );
}
