/** How the validator's source stands, followed while a panel shows it. */
import { useEffect } from "react";
import { useStore } from "zustand";
import { createStore } from "zustand/vanilla";
import type { CrusaderError } from "../../../common/errors.ts";
import type { ProductionStatus } from "../../../common/production.ts";
import { client, followStream } from "../../client.ts";
import { asCrusaderError } from "../../connection.ts";

type Shown = { status: ProductionStatus | null; error: CrusaderError | null };

export const production = createStore<Shown>(() => ({ status: null, error: null }));

export function useProduction(): Shown & { again: () => void } {
  const shown = useStore(production);
  useEffect(() => follow(), []);
  return { ...shown, again: () => void follow() };
}

function follow(): () => void {
  return followStream((signal) => client.production.watch(undefined, { signal }), {
    onItem: (status) => production.setState({ status, error: null }),
    onError: (error) => production.setState({ error: asCrusaderError(error) }),
  });
}
