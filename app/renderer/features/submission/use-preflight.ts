/** The preflight of what is filled in: again with every change, and when asked to. */
import { useEffect, useRef, useState } from "react";
import type { CrusaderError } from "../../../common/errors.ts";
import type { Preflight, SubmissionRequest } from "../../../common/submission.ts";
import { client, followStream } from "../../client.ts";
import type { ShownTarget } from "../../shell/selection.ts";
import { shownMeanwhile } from "./form.ts";

/** Typing a URL is not a question at each key. */
const ASK_AFTER_MS = 400;
/** A node that does not answer may soon. */
const ASK_NODE_AGAIN_MS = 5000;

export type Asked = {
  /** The newest answer to `of`; null before the first. */
  preflight: Preflight | null;
  of: SubmissionRequest;
  error: CrusaderError | null;
  isRunning: boolean;
};

/**
 * Null without a request. `again` asks anew, as does what the answer goes by here and the request does not tell: another
 * `target` (its file was saved), another `revision` of the runs.
 */
export function usePreflight(
  request: SubmissionRequest | null,
  { target, revision }: { target: ShownTarget | null; revision: number },
): { asked: Asked | null; again: () => void } {
  const [asked, setAsked] = useState<Asked | null>(null);
  const latest = useRef(asked);
  useEffect(() => {
    latest.current = asked;
  }, [asked]);
  const [round, setRound] = useState(0);
  // Requests are made anew with each drawing of the page: what they say decides.
  const key = request === null ? null : JSON.stringify(request);
  // biome-ignore lint/correctness/useExhaustiveDependencies: `key` is the request, the others ask for it anew
  useEffect(() => {
    if (request === null) {
      setAsked(null);
      return;
    }
    let stop: (() => void) | null = null;
    const meanwhile = shownMeanwhile(latest.current, request);
    const isWhole = meanwhile?.checks.every(({ state }) => state !== "pending") === true;
    setAsked({ preflight: meanwhile, of: request, error: null, isRunning: true });
    const change = (changed: Partial<Asked>) =>
      setAsked((before) => (before === null ? null : { ...before, ...changed }));
    const timer = setTimeout(() => {
      let newest = meanwhile;
      stop = followStream((signal) => client.submission.preflight(request, { signal }), {
        onItem: (preflight) => {
          newest = preflight;
          if (!isWhole) change({ preflight });
        },
        onEnd: () => change({ preflight: newest, isRunning: false }),
        onError: (error) => change({ error, isRunning: false }),
      });
    }, ASK_AFTER_MS);
    return () => {
      clearTimeout(timer);
      stop?.();
    };
  }, [key, round, target, revision]);
  const isUnreachable =
    asked?.isRunning === false && asked.preflight?.checks.some(({ id, state }) => id === "node" && state === "block");
  useEffect(() => {
    if (isUnreachable !== true) return;
    const timer = setTimeout(() => setRound((count) => count + 1), ASK_NODE_AGAIN_MS);
    return () => clearTimeout(timer);
  }, [isUnreachable]);
  return { asked, again: () => setRound((count) => count + 1) };
}
