/** One submission of a board: its code with what was found and noted in it, what the validator says of it, and what can be done with it. */
import { Button } from "@mantine/core";
import {
  IconArrowLeft,
  IconCopy,
  IconDownload,
  IconGitCompare,
  IconPlayerPlay,
  IconRefresh,
} from "@tabler/icons-react";
import { type ReactNode, useCallback, useEffect, useRef, useState } from "react";
import type { ShownSubmission, SubmissionReference } from "../../../../common/arena.ts";
import { formatMfu } from "../../../../common/format.ts";
import { client } from "../../../client.ts";
import { layout } from "../../../shell/layout.ts";
import { notifyError } from "../../../shell/notifications.ts";
import { ErrorState, Loading } from "../../../shell/ui/states.tsx";
import { VerdictMark } from "../../../shell/ui/verdict-mark.tsx";
import { cursor } from "../../editor/index.ts";
import { chooseOther } from "../compare.ts";
import { arenaPanel } from "../panels.ts";
import { select, showView, usePanel } from "../view.ts";
import { keyOf, stateMark } from "../words.ts";
import { openAsCopy, saveReview, simulate } from "./actions.ts";
import { type Against, bufferIdOf, CodePart } from "./code-part.tsx";
import { EvaluationsPart, FactsPart } from "./facts-part.tsx";
import { NotesPart } from "./notes-part.tsx";
import { useInspection, useNotes, useSubmission } from "./reading.ts";
import { type Jump, ReviewPart, TechniquesPart } from "./review-part.tsx";
import classes from "./submission-page.module.css";

export type ArenaSubmissionProps = { reference: SubmissionReference; onClose: () => void };

export default function ArenaSubmission({ reference, onClose }: ArenaSubmissionProps) {
  useWholeWindow();
  return <Page key={keyOf(reference)} reference={reference} onClose={onClose} />;
}

/** Code is read in the window's whole width; whatever else there is comes back after it. */
function useWholeWindow(): void {
  useEffect(() => {
    const { api } = layout.getState();
    const own = api?.getPanel(arenaPanel.id);
    if (api === null || own === undefined) return;
    api.maximizeGroup(own);
    return () => {
      if (own.group.api.isMaximized()) api.exitMaximizedGroup();
    };
  }, []);
}

function Page({ reference, onClose }: ArenaSubmissionProps) {
  const { value: shown, error } = useSubmission(reference);
  const isAsked = useRef(false);
  const lacksCode = shown !== null && shown.code === null;
  // biome-ignore lint/correctness/useExhaustiveDependencies: once for each page, which is another one's for another reference
  useEffect(() => {
    if (!lacksCode || isAsked.current) return;
    isAsked.current = true;
    // Nobody may have looked at it closer yet. Where its source does not answer, its code part says that there is none.
    client.arena.refreshSubmission(reference).catch(() => undefined);
  }, [lacksCode]);
  return (
    <article className={classes.page} aria-label={`Submission ${reference.submissionId}`}>
      <Header reference={reference} shown={shown} onClose={onClose} />
      {shown !== null && <Body reference={reference} shown={shown} />}
      {shown === null && error !== null && <ErrorState error={error} />}
      {shown === null && error === null && <Loading what="Reading the submission" />}
    </article>
  );
}

type HeaderProps = ArenaSubmissionProps & { shown: ShownSubmission | null };

function Header({ reference, shown, onClose }: HeaderProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  // Where the keyboard was is gone with the list.
  useEffect(() => heading.current?.focus({ preventScroll: true }), []);
  const submission = shown?.submission;
  return (
    <header className={classes.header}>
      <div className={classes.line}>
        <Button leftSection={<IconArrowLeft size="1em" aria-hidden />} onClick={onClose}>
          Back to the list
        </Button>
        <h2 ref={heading} tabIndex={-1} className={classes.heading}>
          {reference.submissionId}
        </h2>
        {submission !== undefined && (
          <>
            <VerdictMark {...stateMark(submission)} />
            {submission.score !== null && <b className="number">{formatMfu(submission.score)}</b>}
            {shown?.leaderId === reference.submissionId && <span className={classes.leader}>leads</span>}
            {submission.isOwn && <span className={classes.own}>yours</span>}
          </>
        )}
      </div>
      <Actions reference={reference} shown={shown} />
    </header>
  );
}

function Actions({ reference, shown }: { reference: SubmissionReference; shown: ShownSubmission | null }) {
  const code = shown?.code ?? null;
  const withoutCode = code === null ? "No code is kept" : undefined;
  return (
    <div className={classes.line}>
      <Act
        icon={<IconCopy size="1em" aria-hidden />}
        refused={withoutCode ?? (code?.isText === false ? "This code is no text" : undefined)}
        run={() => openAsCopy(reference)}
      >
        Open as a copy
      </Act>
      <Act icon={<IconPlayerPlay size="1em" aria-hidden />} refused={withoutCode} run={async () => simulate(reference)}>
        Simulate it
      </Act>
      <InComparison reference={reference} refused={withoutCode} />
      <Act icon={<IconDownload size="1em" aria-hidden />} run={() => saveReview(reference, "markdown")}>
        Save the review as Markdown
      </Act>
      <Act icon={<IconDownload size="1em" aria-hidden />} run={() => saveReview(reference, "json")}>
        Save the review as JSON
      </Act>
      <Act
        icon={<IconRefresh size="1em" aria-hidden />}
        run={async () => void (await client.arena.refreshSubmission(reference))}
      >
        Read it anew
      </Act>
    </div>
  );
}

/** With what else is selected in the list. */
function InComparison({ reference, refused }: { reference: SubmissionReference; refused: string | undefined }) {
  const { selected } = usePanel();
  const others = [...selected.values()].filter((other) => keyOf(other) !== keyOf(reference));
  const [other] = others;
  const isSelected = selected.has(keyOf(reference));
  if (others.length === 1 && other !== undefined) {
    const sideOf = (side: SubmissionReference) => ({ kind: "submission" as const, ...side });
    return (
      <Act
        icon={<IconGitCompare size="1em" aria-hidden />}
        refused={refused}
        run={async () => showView({ kind: "compare", a: sideOf(other), b: sideOf(reference) })}
      >
        Compare with {other.submissionId}
      </Act>
    );
  }
  return (
    <Button
      leftSection={<IconGitCompare size="1em" aria-hidden />}
      aria-pressed={isSelected}
      disabled={refused !== undefined}
      title={refused}
      onClick={() => select(new Map(isSelected ? [] : [[keyOf(reference), reference]]))}
    >
      {isSelected ? "Kept for a comparison" : "Keep for a comparison"}
    </Button>
  );
}

type ActProps = {
  icon: ReactNode;
  /** Why it cannot be done. */
  refused?: string | undefined;
  run: () => Promise<void>;
  children: ReactNode;
};

function Act({ icon, refused, run, children }: ActProps) {
  const [isWorking, setWorking] = useState(false);
  const act = async () => {
    setWorking(true);
    try {
      await run();
    } catch (thrown) {
      notifyError(thrown);
    } finally {
      setWorking(false);
    }
  };
  return (
    <Button
      leftSection={icon}
      loading={isWorking}
      disabled={refused !== undefined}
      title={refused}
      onClick={() => void act()}
    >
      {children}
    </Button>
  );
}

const NONE: readonly never[] = [];

function Body({ reference, shown }: { reference: SubmissionReference; shown: ShownSubmission }) {
  const sha256 = shown.code?.sha256 ?? null;
  const inspected = useInspection(reference, sha256);
  const noted = useNotes(reference);
  const [against, setAgainst] = useState<Against>(null);
  const [notedLine, setNotedLine] = useState<number | null>(null);
  const onNote = useCallback((line: number) => setNotedLine(line), []);
  const bufferId = bufferIdOf(shown.submission);
  const onJump: Jump = (line, column) => {
    setAgainst(null);
    cursor.setState({ request: { bufferId, line, column } });
  };
  const onOpen = (other: SubmissionReference) => showView({ kind: "submission", reference: other });
  return (
    <div className={classes.body}>
      <CodePart
        shown={shown}
        inspection={inspected.value}
        notes={noted.notes?.codeSha256 === sha256 ? noted.notes.lines : NONE}
        against={against}
        onAgainst={setAgainst}
        onOther={() => chooseOther(reference, (side, title) => setAgainst({ side, title }))}
        onNote={onNote}
      />
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a part that scrolls is reached by keyboard */}
      <section className={classes.side} aria-label="About it" tabIndex={0}>
        {shown.code !== null && (
          <>
            <ReviewPart inspected={inspected} onJump={onJump} />
            {inspected.value !== null && inspected.value.review.unreviewed === null && (
              <TechniquesPart
                reference={reference}
                techniques={inspected.value.review.techniques}
                onJump={onJump}
                onOpen={onOpen}
              />
            )}
          </>
        )}
        <NotesPart noted={noted} codeSha256={sha256} line={notedLine} onLine={setNotedLine} onJump={onJump} />
        <EvaluationsPart shown={shown} />
        <FactsPart shown={shown} onOpen={onOpen} />
      </section>
    </div>
  );
}
