/** What is read once for each key, with its failure. */
import { useEffect, useState } from "react";
import type { CrusaderError } from "../../../common/errors.ts";
import { asCrusaderError } from "../../connection.ts";

export type Loaded<Value> = { value: Value | null; error: CrusaderError | null; again: () => void };

/** Reads again when the key changes; what an older key's reading says then is not heard. */
export function useLoaded<Value>(key: string, read: (signal: AbortSignal) => Promise<Value>): Loaded<Value> {
  const [state, setState] = useState<{ key: string; value: Value | null; error: CrusaderError | null } | null>(null);
  const [turn, setTurn] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key says when, and `again` does
  useEffect(() => {
    const controller = new AbortController();
    read(controller.signal).then(
      (value) => !controller.signal.aborted && setState({ key, value, error: null }),
      (thrown: unknown) => !controller.signal.aborted && setState({ key, value: null, error: asCrusaderError(thrown) }),
    );
    return () => controller.abort();
  }, [key, turn]);
  const current = state?.key === key ? state : null;
  return { value: current?.value ?? null, error: current?.error ?? null, again: () => setTurn(turn + 1) };
}
