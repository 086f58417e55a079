/** One submission: the step that is a person's to sign, what the chain did, and what became of it. */
import { Button } from "@mantine/core";
import { IconAlertTriangle, IconArrowLeft } from "@tabler/icons-react";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { formatInteger } from "../../../common/format.ts";
import { DEFAULT_SECONDS_PER_BLOCK } from "../../../common/practice.ts";
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
  type Standing,
  stepStanding,
  submissionStanding,
} from "../../../common/submission-words.ts";
import { client } from "../../client.ts";
import { notifyError } from "../../shell/notifications.ts";
import { EmptyState, ErrorState, Loading } from "../../shell/ui/states.tsx";
import { ConnectionLine } from "../chain/network-picker.tsx";
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
import { citePayment, showView } from "./view.ts";

export function OneView({ id }: { id: string }) {
  const { list, error } = useSubmissions();
  const submission = list?.find((one) => one.id === id);
  if (submission !== undefined) return <One submission={submission} />;
  if (error !== null) return <ErrorState error={error} />;
  if (list === null) return <Loading what="Reading the submission" />;
  return <EmptyState title="This submission is not there">Its folder was removed from the data folder.</EmptyState>;
}

function One({ submission }: { submission: Submission }) {
  const { fileName, network, problem, state, payment, paymentIsOpen } = submission;
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
        {isUnderway(submission) && <Connection network={network} isProblemShown={problem === null} />}
        {paymentIsOpen && state !== "open" && payment !== null && (
          <div className={classes.line}>
            The payment in {paymentText(payment)}, is not used yet.
            <Button onClick={() => citePayment(submission)}>Cite it in a new submission</Button>
          </div>
        )}
      </section>
      <Steps submission={submission} />
      {submission.reveal !== null && <Reveal submission={submission} reveal={submission.reveal} />}
      <About submission={submission} />
    </>
  );
}

/** The chain or the arena still has something to say about it. */
function isUnderway({ state, network }: Submission): boolean {
  return state === "open" || state === "committed" || (state === "revealed" && network !== "practice");
}

/** The practice network stands still while nobody runs it. */
function Connection({ network, isProblemShown }: { network: string; isProblemShown: boolean }) {
  const [isStarting, setStarting] = useState(false);
  const start = () => {
    setStarting(true);
    client.practice
      .start({ secondsPerBlock: DEFAULT_SECONDS_PER_BLOCK })
      .catch((thrown: unknown) => notifyError(thrown))
      .finally(() => setStarting(false));
  };
  const remedy = (
    <Button loading={isStarting} onClick={start}>
      Start the practice network
    </Button>
  );
  return (
    <ConnectionLine network={network} isProblemShown={isProblemShown} remedy={network === "practice" ? remedy : null} />
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
          <Step key={step.step} step={step} isToBeSigned={next.kind === "sign" && next.step === step}>
            <div className={classes.line}>
              <h4 className={classes.title} tabIndex={-1}>
                {STEP_TITLES[step.step]}
              </h4>
              <StateMark standing={submission.state === "open" ? stepStanding(step) : pastStanding(step)} />
            </div>
            {step.state !== "finalized" && <p className={classes.dim}>{STEP_PURPOSES[step.step]}</p>}
            {next.kind === "prepare" && next.step === step && (
              <Prepare key={step.state} id={submission.id} step={step} isAsked={next.isAsked} />
            )}
            {next.kind === "sign" && next.step === step && <Sign id={submission.id} step={step} />}
            {step.extrinsicHash !== null && <Sent step={step} />}
          </Step>
        ))}
      </ol>
    </section>
  );
}

/**
 * It comes into sight when its turn comes: in a low window those before it fill the page. The keyboard goes there from the
 * list, where it is since the button of the step before is gone.
 */
function Step({ step, isToBeSigned, children }: { step: ShownStep; isToBeSigned: boolean; children: ReactNode }) {
  const item = useRef<HTMLLIElement>(null);
  useEffect(() => {
    if (!isToBeSigned || item.current === null) return;
    item.current.scrollIntoView({ block: "nearest" });
    if (document.activeElement === item.current.closest("section")) {
      item.current.querySelector("h4")?.focus({ preventScroll: true });
    }
  }, [isToBeSigned]);
  return (
    <li ref={item} data-step={step.step} data-state={step.state}>
      {children}
    </li>
  );
}

/** Of a submission that is over: nobody waits for what was not sent. */
function pastStanding(step: ShownStep): Standing {
  const wasSent =
    step.state !== "waiting" && step.state !== "unsigned" && (step.state !== "expired" || step.signBy === null);
  return wasSent ? stepStanding(step) : { tone: "over", word: "not sent" };
}

function Sent({ step: { extrinsicHash, nonce, inclusion, signerAddress } }: { step: ShownStep }) {
  return (
    <Facts>
      {extrinsicHash !== null && <CopiedFact name="Extrinsic hash" value={extrinsicHash} />}
      <Fact name="Signed by">
        <span className="mono">{signerAddress}</span>
        <span className={classes.dim}>
          {nonce !== null && <>, nonce {formatInteger(nonce)}</>}
          {inclusion !== null && <>, extrinsic {formatInteger(inclusion.index)} of its block</>}
        </span>
      </Fact>
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
              , <b className="number">{countdown(reveal, now)}</b>
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
        {fee !== null && (
          <FeeFacts fee={fee} payment={submission.steps.some(({ step }) => step === "stake") ? "begun" : "cited"} />
        )}
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
        {isUnderway(submission) && submission.network !== "practice" && (
          <AnotherNode id={id} network={submission.network} />
        )}
        {state === "open" && <Abandon id={id} isPaid={payment !== null} />}
      </div>
    </section>
  );
}
