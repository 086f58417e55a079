/** What a submission's page reads: the submission, what is found in its code, the reader's notes, and when techniques first appeared. */
import { useCallback, useEffect, useState } from "react";
import type { ShownSubmission, SubmissionReference } from "../../../../common/arena.ts";
import type { Inspection, NoteChange, ReviewNotes, TechniqueHistory } from "../../../../common/arena-review.ts";
import type { CrusaderError } from "../../../../common/errors.ts";
import { client, followStream } from "../../../client.ts";
import { notify, notifyError } from "../../../shell/notifications.ts";
import { type Loaded, useLoaded } from "../../production/use-loaded.ts";
import { type Followed, useFollowed } from "../arena-store.ts";

/** From what is kept, and again whenever something changed. */
export function useSubmission({ source, submissionId }: SubmissionReference): Followed<ShownSubmission> {
  const read = useCallback(
    (name: string, signal: AbortSignal) => client.arena.submission({ source: name, submissionId }, { signal }),
    [submissionId],
  );
  return useFollowed(source, read);
}

/** Of the code that is shown; null while there is none. */
export function useInspection(reference: SubmissionReference, sha256: string | null): Loaded<Inspection | null> {
  return useLoaded(sha256 ?? "", (signal) =>
    sha256 === null ? Promise.resolve(null) : client.arena.inspect(reference, { signal }),
  );
}

export type Notes = {
  /** Null until they were read. */
  notes: ReviewNotes | null;
  error: CrusaderError | null;
  /** True where it was written. What it took the place of can be had back. */
  change: (change: NoteChange) => Promise<boolean>;
};

export function useNotes(submission: SubmissionReference): Notes {
  const { value, error } = useLoaded(JSON.stringify(submission), (signal) =>
    client.arena.notes(submission, { signal }),
  );
  const [changed, setChanged] = useState<ReviewNotes | null>(null);
  const notes = changed ?? value;
  const change = async (wanted: NoteChange): Promise<boolean> => {
    try {
      setChanged(await client.arena.annotate({ submission, change: wanted }));
    } catch (thrown) {
      notifyError(thrown, "The note is not saved.");
      return false;
    }
    const before = notes === null ? null : noteBefore(notes, wanted);
    if (before !== null) {
      notify({
        kind: "info",
        title: `${wanted.of === "line" ? `Note of line ${wanted.line}` : "Notes"} ${wanted.text === "" && wanted.verdict === null ? "removed" : "changed"}`,
        key: `arena-note:${submission.source} ${submission.submissionId} ${wanted.of === "line" ? wanted.line : ""}`,
        timeoutMs: 60_000,
        actions: [
          {
            label: "Undo",
            run: async () => setChanged(await client.arena.annotate({ submission, change: before })),
          },
        ],
      });
    }
    return true;
  };
  return { notes, error, change };
}

/** Null where nothing was noted, or nothing is lost: words that were only added to are in the new ones. */
function noteBefore(notes: ReviewNotes, { of, ...wanted }: NoteChange): NoteChange | null {
  const line = "line" in wanted ? wanted.line : null;
  const before = line === null ? notes : notes.lines.find((note) => note.line === line);
  if (before === undefined) return null;
  const { verdict, text } = before;
  const isKept = (verdict === null || verdict === wanted.verdict) && wanted.text.startsWith(text);
  if (isKept) return null;
  return of === "line" && line !== null ? { of, line, verdict, text } : { of: "submission", verdict, text };
}

/** Null until something is known. */
export function useTechniqueHistory(source: string, techniques: readonly string[]): Followed<TechniqueHistory> {
  const [state, setState] = useState<Followed<TechniqueHistory>>({ value: null, error: null });
  const asked = JSON.stringify(techniques);
  useEffect(() => {
    const wanted: string[] = JSON.parse(asked);
    if (wanted.length === 0) return;
    return followStream((signal) => client.arena.techniqueHistory({ source, techniques: wanted }, { signal }), {
      onItem: (value) => setState({ value, error: null }),
      onError: (error) => setState({ value: null, error }),
    });
  }, [source, asked]);
  return state;
}
