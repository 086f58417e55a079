/**
 * The window's side of the contract. What carries the messages may end at any time (a tunnel breaks, the host restarts,
 * the services crash): calls then fail with `disconnected`, the next call connects again, and `keepWatching` goes on.
 */
import { createORPCClient, DynamicLink, ORPCError } from "@orpc/client";
import { RPCLink } from "@orpc/client/websocket";
import type { Client } from "./contract.ts";
import { type ErrorReport, errorReportSchema } from "./errors.ts";
import type { RunUpdate } from "./simulation.ts";

/** What carries texts to the services and back: a WebSocket, or a message port. */
export type Channel = {
  send: (message: string) => void;
  onMessage: (listener: (message: string) => void) => void;
  /** Called once, also when it is closed already. */
  onClose: (listener: () => void) => void;
  close: () => void;
};

export type ClientConnection = {
  client: Client;
  /** Calls `listener` with how it stands now, and on every change; returns what ends that. */
  onState: (listener: (state: ConnectionState) => void) => () => void;
  close: () => void;
};
export type ConnectionState = "connecting" | "open" | "closed";

/** Connects with the first call, and again with the first one after an end. `open` rejects where it cannot. */
export function connect(open: () => Promise<Channel>): ClientConnection {
  let state: ConnectionState = "closed";
  let current: Promise<{ link: Link; channel: Channel }> | null = null;
  const listeners = new Set<(state: ConnectionState) => void>();
  const change = (next: ConnectionState) => {
    state = next;
    for (const listener of listeners) listener(next);
  };
  const establish = async () => {
    change("connecting");
    try {
      const channel = await open();
      channel.onClose(() => {
        current = null;
        change("closed");
      });
      change("open");
      return { channel, link: linkOver(channel) };
    } catch (error) {
      current = null;
      change("closed");
      throw disconnected(error);
    }
  };
  const client: Client = createORPCClient(
    new DynamicLink(async () => {
      current ??= establish();
      return (await current).link;
    }),
  );
  return {
    client,
    onState(listener) {
      listeners.add(listener);
      listener(state);
      return () => listeners.delete(listener);
    },
    close: () => void current?.then(({ channel }) => channel.close()).catch(() => {}),
  };
}

/** Whatever a call or a stream threw, as the report to show. */
export function errorReportOf(thrown: unknown): ErrorReport {
  const report = thrown instanceof ORPCError ? errorReportSchema.safeParse(thrown.data) : null;
  if (report?.success === true) return report.data;
  if ((thrown as { name?: unknown } | null)?.name === "AbortError") {
    return { code: "cancelled", message: "Cancelled.", hint: "", detail: "" };
  }
  return {
    code: "internal",
    message: "The window does not understand the answer.",
    hint: "Reload it. If it stays so, please report it with the detail below.",
    detail: thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown),
  };
}

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5000;

/**
 * A stream that outlives its connection: subscribes again after a `disconnected`, with the last item it had. Ends when
 * the stream does or `signal` aborts; throws every other error.
 */
export async function* keepWatching<T>(
  subscribe: (last: T | undefined) => Promise<AsyncIterable<T>>,
  signal: AbortSignal,
): AsyncGenerator<T> {
  let last: T | undefined;
  for (let failures = 0; !signal.aborted; ) {
    try {
      for await (const item of await subscribe(last)) {
        failures = 0;
        last = item;
        yield item;
      }
      return;
    } catch (error) {
      if (signal.aborted) return;
      if (errorReportOf(error).code !== "disconnected") throw error;
      await pause(Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** failures), signal);
      failures += 1;
    }
  }
}

/** `simulation.events` across reconnects. Give each item to `withUpdate` (simulation.ts). */
export function followRun(
  client: Client,
  runId: string,
  { after = 0, signal }: { after?: number; signal: AbortSignal },
): AsyncGenerator<RunUpdate> {
  return keepWatching((last) => client.simulation.events({ runId, after: last?.number ?? after }, { signal }), signal);
}

type Link = { call: (path: readonly string[], input: unknown, options: never) => Promise<unknown> };

function linkOver(channel: Channel): Link {
  let isOpen = true;
  const closing: (() => void)[] = [];
  channel.onClose(() => {
    isOpen = false;
    for (const listener of closing) listener();
  });
  // All that the library's link wants of a WebSocket.
  const socket = {
    get readyState() {
      return isOpen ? 1 : 3;
    },
    addEventListener(type: string, listener: (event: { data?: string }) => void) {
      if (type === "message") channel.onMessage((data) => listener({ data }));
      if (type === "close") closing.push(() => listener({}));
    },
    send: (message: string) => channel.send(message),
  };
  const link = new RPCLink({ websocket: socket as never });
  const translate = (error: unknown, signal: AbortSignal | undefined) =>
    isOpen || signal?.aborted === true || error instanceof ORPCError ? error : disconnected(error);
  return {
    async call(path, input, options) {
      const { signal } = options as { signal?: AbortSignal };
      try {
        const output = await link.call(path, input, options);
        return isIterator(output) ? translated(output, (error) => translate(error, signal)) : output;
      } catch (error) {
        throw translate(error, signal);
      }
    },
  };
}

async function* translated(iterator: AsyncIterable<unknown>, translate: (error: unknown) => unknown) {
  try {
    yield* iterator;
  } catch (error) {
    throw translate(error);
  }
}

function isIterator(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value;
}

function disconnected(cause: unknown): Error {
  const data: ErrorReport = {
    code: "disconnected",
    message: "The connection to Crusader's services is lost.",
    hint: "Check that crusader serve is running and the tunnel stands; runs go on without the window.",
    detail: cause instanceof Error ? cause.message : "",
  };
  return new ORPCError("disconnected", { defined: true, status: 503, message: data.message, data });
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    signal.addEventListener("abort", end, { once: true });
  });
}
