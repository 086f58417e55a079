/** What the scan says about each open file while it is typed: rejections in production's order, advice, notes. */
import { Button, Chip, TextInput } from "@mantine/core";
import { type KeyboardEvent, useRef, useState } from "react";
import { formatInteger } from "../../../common/format.ts";
import { runCommand } from "../../shell/commands.ts";
import { EmptyState } from "../../shell/ui/states.tsx";
import { VerdictMark } from "../../shell/ui/verdict-mark.tsx";
import { OpinionNote } from "../production/opinion-note.tsx";
import {
  filteredProblems,
  isCounted,
  type Problem,
  type ProblemFilter,
  type ProblemKind,
  problemsText,
  STANDING_WORDS,
  verdictWords,
} from "./findings.ts";
import { applyFix, revealProblem, useBuffers } from "./index.ts";
import type { Scanned } from "./live-scan.ts";
import { useProblemsInPieces } from "./problems.ts";
import classes from "./problems-panel.module.css";

const KINDS: readonly { kind: ProblemKind; one: string; many: string }[] = [
  { kind: "rejection", one: "rejection", many: "rejections" },
  { kind: "lint", one: "advice", many: "advice" },
  { kind: "hint", one: "hint", many: "hints" },
  { kind: "note", one: "note", many: "notes" },
];
/** A list that nobody reads to its end only costs time. */
const MAX_SHOWN = 200;

export default function ProblemsPanel() {
  const buffers = useBuffers((state) => state.buffers);
  const byBuffer = useProblemsInPieces();
  const [filter, setFilter] = useState<ProblemFilter>({ text: "", kinds: KINDS.map(({ kind }) => kind) });
  const files = buffers.flatMap(({ id, title }) => {
    const scanned = byBuffer[id];
    return scanned === undefined ? [] : [{ id, title, scanned }];
  });
  if (files.length === 0) {
    return (
      <EmptyState title="No file is open">
        What production's static scan would reject is listed here while you type, with the line it would stop at.
      </EmptyState>
    );
  }
  const all = files.flatMap(({ scanned }) => scanned.problems);
  return (
    <div className={classes.panel}>
      <div className={classes.toolbar}>
        <TextInput
          className={classes.filter}
          size="xs"
          aria-label="Filter the problems"
          placeholder="Filter: words, a rule, line 12"
          value={filter.text}
          onChange={({ currentTarget: { value: text } }) => setFilter({ ...filter, text })}
        />
        <Chip.Group
          multiple
          value={[...filter.kinds]}
          onChange={(kinds) => setFilter({ ...filter, kinds: kinds as ProblemKind[] })}
        >
          {KINDS.map(({ kind, one, many }) => {
            const count = all.filter((problem) => problem.kind === kind).length;
            return (
              <Chip key={kind} value={kind} size="xs">
                {formatInteger(count)} {count === 1 ? one : many}
              </Chip>
            );
          })}
        </Chip.Group>
        <Button size="compact-xs" variant="default" onClick={() => runCommand("editor.check")}>
          Check the open file
        </Button>
      </div>
      <OpinionNote />
      <div className={classes.files} data-problems>
        {files.map(({ id, title, scanned }) => (
          <FileProblems key={id} id={id} title={title} scanned={scanned} filter={filter} />
        ))}
      </div>
    </div>
  );
}

/** Up and down, to the first and to the last, as in a list of the editor. */
function moveInList(event: KeyboardEvent<HTMLElement>): void {
  const list = event.currentTarget.closest("[data-problems]");
  const entries = [...(list?.querySelectorAll<HTMLElement>("[data-problem]") ?? [])];
  const index = entries.indexOf(event.currentTarget);
  const target = { ArrowDown: index + 1, ArrowUp: index - 1, Home: 0, End: entries.length - 1 }[event.key];
  if (target === undefined) return;
  event.preventDefault();
  entries[target]?.focus();
}

type FileProps = { id: string; title: string; scanned: Scanned; filter: ProblemFilter };

function FileProblems({ id, title, scanned, filter }: FileProps) {
  const { current, analysis, problems, failure } = scanned;
  const found = filteredProblems(problems, filter);
  const hidden = problems.length - found.length;
  return (
    <section aria-label={`Problems of ${title}`} aria-busy={!current}>
      <h2 className={classes.file}>
        {title}
        {failure !== null ? (
          <VerdictMark mark="error" word="not checked" />
        ) : !current || analysis === null ? (
          <VerdictMark mark="running" word="checking" />
        ) : (
          <VerdictMark mark={analysis.verdict.ok ? "passed" : "failed"} word={`the scan ${verdictWords(analysis)}`} />
        )}
        {current && failure === null && (
          <span className={classes.dim}>{problemsText(problems.filter(isCounted).length)}</span>
        )}
        {hidden > 0 && <span className={classes.dim}>{formatInteger(hidden)} hidden by the filter</span>}
      </h2>
      {failure !== null && (
        <p className={classes.words} role="alert">
          {failure}
        </p>
      )}
      <ul className={classes.list} data-stale={!current || undefined}>
        {found.slice(0, MAX_SHOWN).map((problem) => (
          <ProblemEntry key={problem.id} bufferId={id} problem={problem} current={current} />
        ))}
      </ul>
      {found.length > MAX_SHOWN && (
        <p className={classes.words}>
          The first {formatInteger(MAX_SHOWN)} of {formatInteger(found.length)} are shown; the filter narrows them down.
        </p>
      )}
    </section>
  );
}

const KIND_MARKS = { rejection: "failed", lint: "error", hint: "info", note: "info" } as const;
const KIND_WORDS = { rejection: "rejected", lint: "advice", hint: "hint", note: "note" } as const;

function ProblemEntry({ bufferId, problem, current }: { bufferId: string; problem: Problem; current: boolean }) {
  const { kind, line, message, rule, standing, isOfWholeFile, fixes } = problem;
  const [fix] = fixes;
  const entry = useRef<HTMLButtonElement>(null);
  const mend = () => {
    if (fix === undefined) return;
    applyFix(bufferId, fix);
    // The button goes with the problem; the next problem takes the place of this one in the list.
    entry.current?.focus();
  };
  return (
    <li className={classes.entry}>
      <button
        ref={entry}
        type="button"
        className={classes.problem}
        data-problem
        aria-keyshortcuts={fix === undefined ? undefined : "Control+."}
        onClick={() => revealProblem(bufferId, problem)}
        onKeyDown={(event) => {
          moveInList(event);
          if (event.key !== "." || !(event.ctrlKey || event.metaKey) || fix === undefined) return;
          event.preventDefault();
          mend();
        }}
      >
        <span className={classes.line}>{isOfWholeFile ? "file" : line}</span>
        <VerdictMark mark={KIND_MARKS[kind]} word={KIND_WORDS[kind]} />
        <span>
          {message}{" "}
          {standing === "stops" ? (
            <strong>{STANDING_WORDS.stops}</strong>
          ) : (
            standing !== null && STANDING_WORDS[standing]
          )}
        </span>
        <span className={classes.rule}>{rule}</span>
      </button>
      {fix !== undefined && (
        <Button size="compact-xs" variant="default" disabled={!current} title="Ctrl+." onClick={mend}>
          {fix.title}
        </Button>
      )}
    </li>
  );
}
