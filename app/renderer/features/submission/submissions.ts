/** All own submissions, followed from the window's start, and what is worth telling of them. */
import { useStore } from "zustand";
import { createStore } from "zustand/vanilla";
import type { CrusaderError } from "../../../common/errors.ts";
import type { Submission } from "../../../common/submission.ts";
import { client, followStream } from "../../client.ts";
import { notifyError } from "../../shell/notifications.ts";

type Submissions = {
  /** Newest first; null until they were told. */
  list: readonly Submission[] | null;
  error: CrusaderError | null;
};

const known = createStore<Submissions>(() => ({ list: null, error: null }));

export function useSubmissions(): Submissions {
  return useStore(known);
}

/** Newest first; none before they were told. */
export function knownSubmissions(): readonly Submission[] {
  return known.getState().list ?? [];
}

/** Returns the function that stops it. */
export function followSubmissions(): () => void {
  return followStream((signal) => client.submission.watch(undefined, { signal }), {
    onItem: (list) => {
      const before = known.getState().list;
      known.setState({ list, error: null });
      // What had happened before this window was there is no news.
      if (before !== null) tell(before, list).catch((thrown: unknown) => notifyError(thrown));
    },
    onError: (error) => known.setState({ error }),
  });
}

async function tell(before: readonly Submission[], after: readonly Submission[]): Promise<void> {
  // Most windows never see any.
  if (before.length > 0 && after.length > 0) (await import("./tell.ts")).tellNews(before, after);
}

/** For the status bar: what is on its way; null where nothing is. */
export function submissionSummary({ list }: Submissions): string | null {
  const count = (state: Submission["state"]) => list?.filter((one) => one.state === state).length ?? 0;
  const [open, committed] = [count("open"), count("committed")];
  if (open + committed === 0) return null;
  const submissions = open + committed === 1 ? "submission" : "submissions";
  if (open === 0) return `${committed} ${submissions} not revealed yet`;
  return `${open + committed} ${submissions} on the way`;
}
