/** From a proven file to a commitment that reveals: one page to fill in, one to review, one a submission to follow. */
import { Button } from "@mantine/core";
import { IconListDetails, IconPlus } from "@tabler/icons-react";
import { useEffect, useRef } from "react";
import { formatInteger } from "../../../common/format.ts";
import { shownText } from "../../../common/shown-text.ts";
import type { Submission } from "../../../common/submission.ts";
import { submissionStanding } from "../../../common/submission-words.ts";
import { ComposeView } from "./compose-view.tsx";
import { ListView } from "./list-view.tsx";
import { OneView } from "./one-view.tsx";
import { ReviewView } from "./review-view.tsx";
import { StateMark } from "./state-mark.tsx";
import classes from "./submission.module.css";
import { useSubmissions } from "./submissions.ts";
import { showView, useView, type View } from "./view.ts";

export default function SubmissionPanel() {
  const view = useView();
  const scroller = useRef<HTMLDivElement>(null);
  // Another page begins at its top.
  const page = view.kind === "one" ? `one ${view.id}` : view.kind;
  // biome-ignore lint/correctness/useExhaustiveDependencies: with each page
  useEffect(() => {
    scroller.current?.scrollTo(0, 0);
  }, [page]);
  // The window may have been closed at a page that had all of it, and begins here.
  // biome-ignore lint/correctness/useExhaustiveDependencies: once
  useEffect(() => {
    if (view.kind === "new") showView(view);
  }, []);
  return (
    <div ref={scroller} className={classes.panel}>
      <div className={classes.page}>
        <Header view={view} />
        {view.kind === "new" && <ComposeView />}
        {view.kind === "review" && <ReviewView key={JSON.stringify(view.request)} {...view} />}
        {view.kind === "list" && <ListView />}
        {view.kind === "one" && <OneView key={view.id} id={view.id} />}
      </div>
    </div>
  );
}

function Header({ view }: { view: View }) {
  const { list } = useSubmissions();
  const open = list?.filter(({ id, state }) => state === "open" && !(view.kind === "one" && view.id === id)) ?? [];
  return (
    <nav className={classes.header} aria-label="Submit">
      <div className={classes.line}>
        <Button
          leftSection={<IconPlus size="1em" aria-hidden />}
          aria-pressed={view.kind === "new" || view.kind === "review"}
          onClick={() => showView({ kind: "new" })}
        >
          New submission
        </Button>
        <Button
          leftSection={<IconListDetails size="1em" aria-hidden />}
          aria-pressed={view.kind === "list" || view.kind === "one"}
          onClick={() => showView({ kind: "list" })}
        >
          Own submissions{list === null || list.length === 0 ? "" : ` (${formatInteger(list.length)})`}
        </Button>
      </div>
      {open.map((submission) => (
        <Unfinished key={submission.id} submission={submission} />
      ))}
    </nav>
  );
}

/** What was begun is not overlooked. */
function Unfinished({ submission }: { submission: Submission }) {
  return (
    <div className={classes.unfinished}>
      <span>
        <b>{shownText(submission.fileName)}</b> on {submission.network} is on its way:
      </span>
      <StateMark standing={submissionStanding(submission)} />
      <Button onClick={() => showView({ kind: "one", id: submission.id }, { fullWidth: true })}>
        Go on<span className="visually-hidden"> with {shownText(submission.fileName)}</span>
      </Button>
    </div>
  );
}
