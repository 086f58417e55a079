/** The plan of what is in the editor, kept up to date while it is typed. */
import { startTransition, useEffect, useMemo, useState } from "react";
import type { CrusaderError } from "../../../common/errors.ts";
import type { PlanSizes, TopologyAnswer } from "../../../common/topology.ts";
import { asCrusaderError } from "../../connection.ts";
import { scanner } from "../../scanner/index.ts";
import { textOf, useBuffers } from "../editor/index.ts";
import { useProblemsInPieces } from "../editor/problems.ts";

export type ShownText = {
  title: string;
  text: string;
  /** The text was edited since, and is being scanned. */
  outdated: boolean;
};

/** The text of the active tab as it was when it was last scanned; null where no tab, or a comparison, is active. */
export function useActiveText(): ShownText | null {
  const buffer = useBuffers(({ buffers, activeId }) => buffers.find(({ id }) => id === activeId));
  const id = buffer?.id ?? "";
  const scanned = useProblemsInPieces()[id];
  // Following the scan, the plan never keeps it waiting, and waits for a pause in the typing as it does.
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new analysis means a new text
  const text = useMemo(() => textOf(id), [id, scanned?.analysis]);
  if (buffer === undefined || text === null) return null;
  return { title: buffer.title, text, outdated: scanned !== undefined && !scanned.current && scanned.failure === null };
}

export type PlanState = {
  /** Another text or other numbers than those of the answer are being asked about. */
  asking: boolean;
  answer: TopologyAnswer | null;
  error: CrusaderError | null;
};

type Answered = Omit<PlanState, "asking"> & { text: string | null; numGpus: number | null; sizes: PlanSizes | null };
const NOTHING: Answered = { text: null, numGpus: null, sizes: null, answer: null, error: null };

/** Null: nothing is asked. */
export function usePlan(text: string | null, numGpus: number | null, sizes: PlanSizes | null): PlanState {
  const [answered, setAnswered] = useState(NOTHING);
  useEffect(() => {
    if (text === null || numGpus === null || sizes === null) return;
    const turn = new AbortController();
    // In pieces, between which keys are answered; what says the same is not drawn again.
    const take = (answer: TopologyAnswer | null, error: CrusaderError | null) =>
      startTransition(() =>
        setAnswered((before) => {
          const same = JSON.stringify(before.answer) === JSON.stringify(answer);
          return { text, numGpus, sizes, answer: same ? before.answer : answer, error };
        }),
      );
    scanner
      .plan(text, numGpus, sizes, turn.signal)
      .then((answer) => take(answer, null))
      .catch((thrown: unknown) => {
        if (!turn.signal.aborted) take(null, asCrusaderError(thrown));
      });
    return () => turn.abort();
  }, [text, numGpus, sizes]);
  const { answer, error } = answered;
  const isAnswered = answered.text === text && answered.numGpus === numGpus && answered.sizes === sizes;
  return { asking: !isAnswered, answer, error };
}
