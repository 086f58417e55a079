/**
 * The window's end of the contract. One connection at a time, made again with growing pauses whenever it is lost; calls
 * wait for it a little, streams go on where they were.
 */
import { type ClientLink, createORPCClient, ORPCError } from "@orpc/client";
import { createStore, type StoreApi } from "zustand/vanilla";
import type { Client } from "../common/contract.ts";
import { CrusaderError, type ErrorReport } from "../common/errors.ts";

export type ConnectionState = {
  /** `refused`: the host does not let this window in; no retry helps. */
  status: "connecting" | "connected" | "disconnected" | "refused";
  /** What the host said when it refused; else empty. */
  reason: string;
  /** Milliseconds since 1970 of the next attempt; null while none is due. */
  retryAtMs: number | null;
};

/** A transport that is open. */
export type OpenChannel = {
  link: ClientLink<Record<never, never>>;
  /** Resolves when it is gone; `refusal` is what the host said when it did not let the window in. */
  closed: Promise<{ refusal: string | null }>;
  close: () => void;
};

export type ConnectionOptions = {
  open: () => Promise<OpenChannel>;
  /** How long a call waits for a lost connection before it fails with "disconnected". */
  patienceMs?: number;
  /** Pause before attempt n (from 1). */
  pauseMs?: (attempt: number) => number;
};

export type Connection = {
  client: Client;
  state: StoreApi<ConnectionState>;
  /** Tries at once instead of at the end of the pause. */
  retryNow: () => void;
  /** Finds out whether a connection that says nothing still lives; a dead one is made again. */
  probe: () => Promise<void>;
  /** Resolves when connected; rejects when the signal aborts. */
  connected: (signal?: AbortSignal) => Promise<void>;
  close: () => void;
};

const PROBE_TIMEOUT_MS = 5000;

/** 0.25 s, 0.5 s, 1 s ... 10 s. */
export function growingPauseMs(attempt: number): number {
  return Math.min(10_000, 250 * 2 ** (attempt - 1));
}

export function createConnection({ open, patienceMs = 8000, pauseMs = growingPauseMs }: ConnectionOptions): Connection {
  const state = createStore<ConnectionState>(() => ({ status: "connecting", reason: "", retryAtMs: null }));
  let channel: OpenChannel | null = null;
  let ended = false;
  let wake: (() => void) | null = null;

  const run = async () => {
    for (let attempt = 0; !ended; ) {
      if (attempt > 0) {
        const pause = pauseMs(attempt);
        state.setState({ status: "disconnected", retryAtMs: Date.now() + pause });
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, pause);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
        wake = null;
        if (ended) return;
      }
      state.setState({ status: attempt === 0 ? "connecting" : "disconnected", retryAtMs: null });
      try {
        channel = await open();
      } catch {
        attempt += 1;
        continue;
      }
      attempt = 1;
      state.setState({ status: "connected", retryAtMs: null });
      const { refusal } = await channel.closed;
      channel = null;
      if (refusal === null) continue;
      state.setState({ status: "refused", reason: refusal, retryAtMs: null });
      return;
    }
  };

  const connected = (signal?: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      const settle = () => {
        const { status } = state.getState();
        if (signal?.aborted === true) reject(signal.reason);
        else if (status === "refused") reject(refused());
        else if (status === "connected") resolve();
        else return;
        unsubscribe();
        signal?.removeEventListener("abort", settle);
      };
      const unsubscribe = state.subscribe(settle);
      signal?.addEventListener("abort", settle);
      settle();
    });

  const link: ClientLink<Record<never, never>> = {
    call: async (path, input, options) => {
      if (channel === null) await withPatience(connected, patienceMs, options.signal);
      const used = channel;
      if (used === null) throw disconnected();
      try {
        const output = await used.link.call(path, input, options);
        return isIterator(output) ? translated(output, () => channel === used) : output;
      } catch (thrown) {
        throw translate(thrown, options.signal, channel === used);
      }
    },
  };
  const client: Client = createORPCClient(link);
  void run();

  return {
    client,
    state,
    connected,
    retryNow: () => wake?.(),
    probe: async () => {
      const probed = channel;
      if (probed === null) {
        wake?.();
        return;
      }
      const signal = AbortSignal.timeout(PROBE_TIMEOUT_MS);
      try {
        await client.app.versions(undefined, { signal });
      } catch {
        // Whatever it answered instead, a new connection costs little.
        probed.close();
      }
    },
    close: () => {
      ended = true;
      wake?.();
      channel?.close();
    },
  };
}

export type FollowHandlers<Item> = {
  onItem: (item: Item) => void;
  /** The stream ended of itself. */
  onEnd?: () => void;
  /** It failed for another reason than a lost connection; it is not opened again. */
  onError: (error: CrusaderError) => void;
};

/**
 * Reads a stream until it ends; after a lost connection it is opened again, so `open` names the point to go on from.
 * Returns the function that stops it.
 */
export function follow<Item>(
  connection: Pick<Connection, "connected">,
  open: (signal: AbortSignal) => Promise<AsyncIterable<Item>>,
  { onItem, onEnd, onError }: FollowHandlers<Item>,
): () => void {
  const controller = new AbortController();
  const { signal } = controller;
  const read = async () => {
    while (!signal.aborted) {
      try {
        await connection.connected(signal);
        for await (const item of await open(signal)) {
          if (signal.aborted) return;
          onItem(item);
        }
        onEnd?.();
        return;
      } catch (thrown) {
        if (signal.aborted) return;
        const error = asCrusaderError(thrown);
        if (error.code === "disconnected") continue;
        onError(error);
        return;
      }
    }
  };
  void read();
  return () => controller.abort();
}

/** Whatever a call threw, as an error with words for people. */
export function asCrusaderError(thrown: unknown): CrusaderError {
  if (thrown instanceof CrusaderError) return thrown;
  // The failure of a task comes as data.
  if (isReport(thrown)) return new CrusaderError(thrown.code, thrown.message, thrown.hint, thrown.detail);
  const detail = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
  return new CrusaderError("internal", "Crusader itself failed.", "Report it with the diagnostics (Help).", detail);
}

function isReport(thrown: unknown): thrown is ErrorReport {
  if (typeof thrown !== "object" || thrown === null || thrown instanceof Error) return false;
  return ["code", "message", "hint", "detail"].every((key) => key in thrown);
}

const disconnected = () =>
  new CrusaderError("disconnected", "Crusader's services do not answer.", "The window reconnects by itself.");
const refused = () =>
  new CrusaderError(
    "access_denied",
    "Crusader's services refuse this window.",
    "Open the address that `crusader serve` printed.",
  );

async function withPatience(
  wait: (signal: AbortSignal) => Promise<void>,
  patienceMs: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const patience = AbortSignal.timeout(patienceMs);
  try {
    await wait(signal === undefined ? patience : AbortSignal.any([signal, patience]));
  } catch (thrown) {
    throw signal?.aborted !== true && patience.aborted ? disconnected() : thrown;
  }
}

function translate(thrown: unknown, signal: AbortSignal | undefined, stillConnected: boolean): unknown {
  if (signal?.aborted === true) return new CrusaderError("cancelled", "Cancelled.");
  if (thrown instanceof ORPCError) {
    const report = thrown.data as Partial<ErrorReport> | undefined;
    if (thrown.defined && report?.code !== undefined) {
      return new CrusaderError(report.code, report.message ?? thrown.message, report.hint, report.detail);
    }
  } else if (!stillConnected || isAbort(thrown)) return disconnected();
  return asCrusaderError(thrown);
}

/** The library ends what is under way with an AbortError when its transport closes. */
function isAbort(thrown: unknown): boolean {
  return thrown instanceof Error && thrown.name === "AbortError";
}

function isIterator(value: unknown): value is AsyncIterableIterator<unknown> {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value;
}

async function* translated(iterator: AsyncIterableIterator<unknown>, stillConnected: () => boolean) {
  try {
    yield* iterator;
  } catch (thrown) {
    throw translate(thrown, undefined, stillConnected());
  }
}

const MOST_TRIES = 5;

/** A call that may be repeated, again where the connection broke under it; each waits for the next connection. */
export async function throughInterruptions<Output>(call: () => Promise<Output>): Promise<Output> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await call();
    } catch (thrown) {
      if (tries === MOST_TRIES || asCrusaderError(thrown).code !== "disconnected") throw thrown;
    }
  }
}
