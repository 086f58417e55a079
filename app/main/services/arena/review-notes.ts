/** What the reader noted and judged of others' code: `<data folder>/arena-notes.json`. It is the user's own work, so no source fills it again. */
import { join } from "node:path";
import { z } from "zod";
import { type SubmissionReference, submissionReferenceSchema } from "../../../common/arena.ts";
import { MAX_LINE_NOTES, type NoteChange, type ReviewNotes, reviewNotesSchema } from "../../../common/arena-review.ts";
import { CrusaderError } from "../../../common/errors.ts";
import { JsonFile } from "../storage/index.ts";

const NOTES_VERSION = 1;

const storedSchema = z.object({ submissions: z.array(reviewNotesSchema.extend(submissionReferenceSchema.shape)) });

const NONE: ReviewNotes = { verdict: null, text: "", lines: [], codeSha256: null, changedAt: null };

export class ReviewNotesFile {
  readonly #file: JsonFile<z.infer<typeof storedSchema>>;
  readonly #now: () => number;

  constructor({ dataFolder, now = Date.now }: { dataFolder: string; now?: () => number }) {
    this.#now = now;
    this.#file = new JsonFile({
      path: join(dataFolder, "arena-notes.json"),
      schema: storedSchema,
      version: NOTES_VERSION,
      initial: () => ({ submissions: [] }),
    });
  }

  /** The last file that could not be used since this object was made: where it lies now, and why. */
  get setAside(): { file: string; reason: string } | null {
    return this.#file.setAside;
  }

  of(reference: SubmissionReference): ReviewNotes {
    const found = this.#file.read().submissions.find((each) => isSame(each, reference));
    if (found === undefined) return NONE;
    const { source: _source, submissionId: _id, ...notes } = found;
    return notes;
  }

  /**
   * `codeSha256`: the code whose lines are meant. Throws `conflict` where lines of other code are noted already,
   * `too_large` for too many lines, `disk_full` or `data_folder`.
   */
  change({ source, submissionId }: SubmissionReference, change: NoteChange, codeSha256: string | null): ReviewNotes {
    const reference = { source, submissionId };
    const notes = { ...changed(this.of(reference), change, codeSha256), changedAt: this.#nowIso() };
    const others = this.#file.read().submissions.filter((each) => !isSame(each, reference));
    const isEmpty = notes.verdict === null && notes.text === "" && notes.lines.length === 0;
    this.#file.write({ submissions: isEmpty ? others : [...others, { ...reference, ...notes }] });
    return isEmpty ? NONE : notes;
  }

  #nowIso(): string {
    return new Date(this.#now()).toISOString();
  }
}

function isSame(a: SubmissionReference, b: SubmissionReference): boolean {
  return a.source === b.source && a.submissionId === b.submissionId;
}

function changed(before: ReviewNotes, change: NoteChange, codeSha256: string | null): ReviewNotes {
  const { verdict, text } = change;
  if (change.of === "submission") return { ...before, verdict, text };
  const others = before.lines.filter(({ line }) => line !== change.line);
  if (verdict === null && text === "") {
    return { ...before, lines: others, codeSha256: others.length === 0 ? null : before.codeSha256 };
  }
  if (before.codeSha256 !== null && before.codeSha256 !== codeSha256) {
    throw new CrusaderError(
      "conflict",
      "The lines that are noted are those of other code: this submission's code changed since.",
      "Export the review and remove those notes first.",
    );
  }
  if (others.length >= MAX_LINE_NOTES) {
    throw new CrusaderError("too_large", `No more than ${MAX_LINE_NOTES} lines of a submission can be noted.`);
  }
  const lines = [...others, { line: change.line, verdict, text }].sort((a, b) => a.line - b.line);
  return { ...before, lines, codeSha256 };
}
