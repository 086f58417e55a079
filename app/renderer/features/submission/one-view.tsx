/** One submission: the step that is a person's to sign, what the chain did, and what became of it. */
import { Button } from "@mantine/core";
import { IconAlertTriangle, IconArrowLeft } from "@tabler/icons-react";
import { formatInteger } from "../../../common/format.ts";
import { shownText } from "../../../common/shown-text.ts";
import type { ShownStep, Submission } from "../../../common/submission.ts";
import {
  countdown,
  evaluatedWords,
  nextAction,
  paymentText,
  revealStanding,
  STEP_PURPOSES,
  STEP_TITLES,
  stepStanding,
  submissionStanding,
} from "../../../common/submission-words.ts";
import { EmptyState, ErrorState, Loading } from "../../shell/ui/states.tsx";
import { showRun } from "../history/actions.ts";
import { ExportButtons } from "./export-buttons.tsx";
import { CopiedFact, Fact, Facts } from "./facts.tsx";
import { FeeFacts } from "./fee-facts.tsx";
import { Abandon, AnotherNode } from "./one-actions.tsx";
import { Prepare, Sign } from "./one-signing.tsx";
import { PageHeading } from "./page-heading.tsx";
import { StateMark } from "./state-mark.tsx";
import classes from "./submission.module.css";
import { useSubmissions } from "./submissions.ts";
import { shownTime, useNow } from "./times.ts";
import { showView } from "./view.ts";

export function OneView({ id }: { id: string }) {
  const { list, error } = useSubmissions();
  const submission = list?.find((one) => one.id === id);
  if (submission !== undefined) return <One submission={submission} />;
  if (error !== null) return <ErrorState error={error} />;
  if (list === null) return <Loading what="Reading the submission" />;
  return <EmptyState title="This submission is not there">Its folder was removed from the data folder.</EmptyState>;
}

function One({ submission }: { submission: Submission }) {
  const { fileName, network, problem } = submission;
  return (
    <>
      <section className={classes.part} aria-label="Submission">
        <div className={classes.line}>
          <PageHeading>
            {shownText(fileName)} on {network}
          </PageHeading>
          <StateMark standing={submissionStanding(submission)} />
          <Button leftSection={<IconArrowLeft size="1em" aria-hidden />} onClick={() => showView({ kind: "list" })}>
            All submissions
          </Button>
        </div>
        <output className="visually-hidden">{submissionStanding(submission).word}</output>
        {problem !== null && (
          <div className={classes.problem} role="alert">
            <IconAlertTriangle size="1em" aria-hidden />
            <div>
              <b>{shownText(problem.message)}</b> {shownText(problem.hint)}
            </div>
          </div>
        )}
      </section>
      <Steps submission={submission} />
      {submission.reveal !== null && <Reveal submission={submission} reveal={submission.reveal} />}
      <About submission={submission} />
    </>
  );
}

function Steps({ submission }: { submission: Submission }) {
  const { steps } = submission;
  const next = nextAction(submission);
  return (
    <section className={classes.part} aria-label="Steps">
      <h3 className={classes.title}>Steps</h3>
      <ol className={classes.steps}>
        {steps.map((step) => (
          <li key={step.step} data-step={step.step} data-state={step.state}>
            <div className={classes.line}>
              <h4 className={classes.title}>{STEP_TITLES[step.step]}</h4>
              <StateMark standing={stepStanding(step)} />
            </div>
            <p className={classes.dim}>{STEP_PURPOSES[step.step]}</p>
            {next.kind === "prepare" && next.step === step && (
              <Prepare key={step.state} id={submission.id} step={step} isAsked={next.isAsked} />
            )}
            {next.kind === "sign" && next.step === step && <Sign id={submission.id} step={step} />}
            {step.extrinsicHash !== null && <Sent step={step} />}
          </li>
        ))}
      </ol>
    </section>
  );
}

function Sent({ step: { extrinsicHash, nonce, inclusion, signerAddress } }: { step: ShownStep }) {
  return (
    <Facts>
      {extrinsicHash !== null && <CopiedFact name="Extrinsic hash" value={extrinsicHash} />}
      <Fact name="Signed by">
        <span className="mono">{signerAddress}</span>
        {nonce !== null && <span className={classes.dim}>, nonce {formatInteger(nonce)}</span>}
      </Fact>
      {inclusion !== null && (
        <Fact name="Place">
          <span className="number">
            block {formatInteger(inclusion.block)}, extrinsic {inclusion.index}
          </span>
        </Fact>
      )}
    </Facts>
  );
}

function Reveal({
  submission: { network, urlWatch, evaluated, url },
  reveal,
}: {
  submission: Submission;
  reveal: NonNullable<Submission["reveal"]>;
}) {
  const now = useNow();
  const { state, round, time, text, revealedBlock } = reveal;
  const awaits = state === "waiting" || state === "late";
  return (
    <section className={classes.part} aria-label="Reveal and evaluation">
      <h3 className={classes.title}>Reveal and evaluation</h3>
      <Facts>
        <Fact name="Reveal">
          <StateMark standing={revealStanding(reveal)} />
          {awaits && (
            <>
              {" "}
              <b className="number">{countdown(reveal, now)}</b>
            </>
          )}
        </Fact>
        <Fact name="Round">
          <span className="number">
            {formatInteger(round)}, {awaits ? "due" : "published"} {shownTime(time)}
          </span>
        </Fact>
        {revealedBlock !== null && (
          <Fact name="Revealed in">
            <span className="number">block {formatInteger(revealedBlock)}</span>
          </Fact>
        )}
        {text !== null && <CopiedFact name="Revealed text" value={shownText(text)} />}
        <Fact name="Hosted file">
          <StateMark
            standing={
              urlWatch.state === "same"
                ? { tone: "well", word: "what was committed" }
                : urlWatch.state === "changed"
                  ? { tone: "trouble", word: "has changed" }
                  : urlWatch.state === "unreachable"
                    ? { tone: "attention", word: "out of reach" }
                    : { tone: "open", word: "not looked at yet" }
            }
          />
          {urlWatch.checkedAt !== null && <span className={classes.dim}> at {shownTime(urlWatch.checkedAt)}</span>}
          {urlWatch.message !== "" && (
            <div>
              {shownText(urlWatch.message)} {shownText(urlWatch.hint)}
            </div>
          )}
        </Fact>
        <CopiedFact name="URL" value={url} />
        <Fact name="Evaluation">
          {evaluated === null ? (
            network === "practice" ? (
              "nobody evaluates on the practice network"
            ) : (
              "no source of the arena knows it yet"
            )
          ) : (
            <>
              {shownText(evaluatedWords(evaluated))}
              {evaluated.error !== null && <div>{shownText(evaluated.error)}</div>}
              <div className={classes.dim}>
                {shownText(evaluated.source)}, {shownTime(evaluated.seenAt)}
              </div>
            </>
          )}
        </Fact>
      </Facts>
    </section>
  );
}

function About({ submission }: { submission: Submission }) {
  const { id, createdAt, profile, netuid, sha256, runId, hotkeyAddress, fee, payment, state, reveal, url } = submission;
  const isUnderway = state === "open" || state === "committed" || state === "revealed";
  return (
    <section className={classes.part} aria-label="Proof">
      <h3 className={classes.title}>Proof</h3>
      <Facts>
        <Fact name="Payment">
          {payment === null ? (
            fee === null ? (
              "none is due"
            ) : (
              "not made yet"
            )
          ) : (
            <b className="number">{paymentText(payment)}</b>
          )}
        </Fact>
      </Facts>
      {fee !== null && <FeeFacts fee={fee} cited={!submission.steps.some(({ step }) => step === "stake")} />}
      <Facts>
        <CopiedFact name="Hotkey" value={hotkeyAddress} />
        <CopiedFact name="SHA-256" value={sha256} />
        {reveal === null && <CopiedFact name="URL" value={url} />}
        <Fact name="Proven by">
          {runId === null ? "no run" : <Button onClick={() => showRun(runId)}>run {runId}</Button>}
        </Fact>
        <Fact name="Rules">
          {profile}, subnet {netuid}
        </Fact>
        <Fact name="Began">{shownTime(createdAt)}</Fact>
      </Facts>
      <div className={classes.line}>
        <ExportButtons ids={[id]} />
        {isUnderway && submission.network !== "practice" && <AnotherNode id={id} network={submission.network} />}
        {state === "open" && <Abandon id={id} isPaid={payment !== null} />}
      </div>
    </section>
  );
}
