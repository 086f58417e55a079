/** The reader's own notes and verdicts: of the submission, and of its lines. Kept on this machine only. */
import { Button, Select, Textarea } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import {
  type LineNote,
  MAX_NOTE_CHARACTERS,
  REVIEW_VERDICTS,
  type ReviewNotes,
  type ReviewVerdict,
} from "../../../../common/arena-review.ts";
import { formatInteger } from "../../../../common/format.ts";
import { ErrorState, Loading } from "../../../shell/ui/states.tsx";
import { type Mark, VerdictMark } from "../../../shell/ui/verdict-mark.tsx";
import { VERDICT_WORDS } from "./line-marks.ts";
import { LinkButton } from "./link-button.tsx";
import type { Notes } from "./reading.ts";
import type { Jump } from "./review-part.tsx";
import classes from "./submission-page.module.css";

/** The reader's, not the validator's: none of them is green. */
const MARKS: Record<ReviewVerdict, Mark> = { sound: "info", doubtful: "notComparable", exploit: "error" };

export type NotesPartProps = {
  noted: Notes;
  /** SHA-256 of what is shown; null: there is no code. */
  codeSha256: string | null;
  /** The line that is being written to; null: none. */
  line: number | null;
  onLine: (line: number | null) => void;
  onJump: Jump;
};

export function NotesPart({ noted: { notes, error, change }, codeSha256, line, onLine, onJump }: NotesPartProps) {
  return (
    <section className={classes.part} aria-label="Notes">
      <h3 className={classes.title}>Notes and verdict</h3>
      <p className={classes.dim}>Your own, kept on this machine; the validator knows none of it.</p>
      {error !== null && <ErrorState error={error} />}
      {error === null && notes === null && <Loading what="Reading the notes" />}
      {notes !== null && (
        <>
          <Whole notes={notes} change={change} />
          {notes.codeSha256 !== null && notes.codeSha256 !== codeSha256 && (
            <p>
              <VerdictMark mark="error" word="other code" /> These lines are those of code that this submission had
              before.
            </p>
          )}
          {notes.lines.length > 0 && (
            <ul className={classes.findings} aria-label="Noted lines">
              {notes.lines.map((note) => (
                <Noted
                  key={note.line}
                  note={note}
                  onJump={onJump}
                  onEdit={() => onLine(note.line)}
                  onRemove={() => void change({ of: "line", line: note.line, verdict: null, text: "" })}
                />
              ))}
            </ul>
          )}
          {line !== null && (
            <LineForm
              key={line}
              line={line}
              before={notes.lines.find((note) => note.line === line)}
              onSave={async (verdict, text) => {
                if (await change({ of: "line", line, verdict, text })) onLine(null);
              }}
              onClose={() => onLine(null)}
            />
          )}
          {line === null && codeSha256 !== null && (
            <p className={classes.dim}>To note a line, click its number, or go to it and press "Note line".</p>
          )}
        </>
      )}
    </section>
  );
}

const CHOICES = REVIEW_VERDICTS.map((value) => ({ value, label: VERDICT_WORDS[value] }));
const verdictOf = (value: string | null): ReviewVerdict | null =>
  REVIEW_VERDICTS.find((each) => each === value) ?? null;

function Whole({ notes, change }: { notes: ReviewNotes; change: Notes["change"] }) {
  const [text, setText] = useState(notes.text);
  const [kept, setKept] = useState(notes.text);
  // Undone, or written in another way.
  if (kept !== notes.text) {
    setKept(notes.text);
    setText(notes.text);
  }
  return (
    <>
      <Select
        label="Verdict"
        placeholder="None"
        clearable
        data={CHOICES}
        value={notes.verdict}
        onChange={(value) => void change({ of: "submission", verdict: verdictOf(value), text })}
      />
      <Textarea
        label="Note"
        autosize
        minRows={2}
        maxRows={8}
        maxLength={MAX_NOTE_CHARACTERS}
        value={text}
        onChange={({ currentTarget }) => setText(currentTarget.value)}
        onBlur={() => {
          if (text !== notes.text) void change({ of: "submission", verdict: notes.verdict, text });
        }}
      />
    </>
  );
}

type NotedProps = { note: LineNote; onJump: Jump; onEdit: () => void; onRemove: () => void };

function Noted({ note: { line, verdict, text }, onJump, onEdit, onRemove }: NotedProps) {
  const name = `line ${formatInteger(line)}`;
  return (
    <li data-noted-line={line}>
      <div className={classes.line}>
        <LinkButton onClick={() => onJump(line, 1)}>{name}</LinkButton>
        {verdict !== null && <VerdictMark mark={MARKS[verdict]} word={VERDICT_WORDS[verdict]} />}
        <Button size="compact-xs" aria-label={`Change the note of ${name}`} onClick={onEdit}>
          Change
        </Button>
        <Button size="compact-xs" aria-label={`Remove the note of ${name}`} onClick={onRemove}>
          Remove
        </Button>
      </div>
      {text !== "" && <p className={classes.noteText}>{text}</p>}
    </li>
  );
}

type LineFormProps = {
  line: number;
  before: LineNote | undefined;
  onSave: (verdict: ReviewVerdict | null, text: string) => Promise<void>;
  onClose: () => void;
};

function LineForm({ line, before, onSave, onClose }: LineFormProps) {
  const [verdict, setVerdict] = useState(before?.verdict ?? null);
  const [text, setText] = useState(before?.text ?? "");
  const [isSaving, setSaving] = useState(false);
  const field = useRef<HTMLTextAreaElement>(null);
  useEffect(() => field.current?.focus(), []);
  const save = async () => {
    setSaving(true);
    await onSave(verdict, text);
    setSaving(false);
  };
  return (
    <form
      className={classes.explained}
      aria-label={`Note line ${line}`}
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
      onKeyDown={(event) => {
        if (event.key === "Escape") onClose();
        if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
          event.preventDefault();
          event.stopPropagation();
          void save();
        }
      }}
    >
      <Textarea
        ref={field}
        label={`Note of line ${formatInteger(line)}`}
        autosize
        minRows={2}
        maxRows={8}
        maxLength={MAX_NOTE_CHARACTERS}
        value={text}
        onChange={({ currentTarget }) => setText(currentTarget.value)}
      />
      <Select
        label={`Verdict of line ${formatInteger(line)}`}
        placeholder="None"
        clearable
        data={CHOICES}
        value={verdict}
        onChange={(value) => setVerdict(verdictOf(value))}
      />
      <div className={classes.line}>
        <Button
          type="submit"
          variant="filled"
          loading={isSaving}
          disabled={verdict === null && text === "" && before === undefined}
        >
          Save the note
        </Button>
        <Button onClick={onClose}>Cancel</Button>
      </div>
    </form>
  );
}
