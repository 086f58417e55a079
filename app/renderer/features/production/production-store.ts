/** How the validator's source stands, followed while a panel needs it. */
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
  useEffect(follow, []);
  return { ...shown, again };
}

/** One stream for all who follow. */
const stream = { followers: 0, end: () => {} };

function follow(): () => void {
  if (stream.followers === 0) begin();
  stream.followers += 1;
  return () => {
    stream.followers -= 1;
    if (stream.followers === 0) stream.end();
  };
}

function begin(): void {
  stream.end = followStream((signal) => client.production.watch(undefined, { signal }), {
    onItem: (status) => production.setState({ status, error: null }),
    onError: (error) => production.setState({ error: asCrusaderError(error) }),
  });
}

function again(): void {
  stream.end();
  begin();
}
