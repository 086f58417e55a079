/**
 * One WebSocket to a node, and JSON-RPC 2.0 over it. A node is somebody else's: what it says is bounded, nothing it sends
 * can end this process, every question has a time limit. (The client library's own connection throws out of its event
 * handler where a node sends no JSON.) Ends once; a new one is made for every attempt.
 */
import WebSocket from "ws";
import { CrusaderError } from "../../../common/errors.ts";
import { shownText } from "../../../common/shown-text.ts";

/** A full block as hexadecimal digits fits. */
const MAX_MESSAGE_BYTES = 32 * 1024 * 1024;
const MAX_WAITING_UPDATES = 1000;
const MAX_SAID_CHARACTERS = 300;
const REQUEST_TIMEOUT_MS = 15_000;
/** A connection that is open and dead is noticed after two of these. */
const PING_EVERY_MS = 15_000;

/** The node answered, and its answer is no. */
export class RpcRefusal extends Error {
  /** Of JSON-RPC or of the node (`1010`: invalid transaction, ...). */
  readonly code: number;
  readonly data: string;

  constructor(code: number, message: string, data: string) {
    super(message);
    this.name = "RpcRefusal";
    this.code = code;
    this.data = data;
  }

  get isUnknownMethod(): boolean {
    return this.code === -32601;
  }
}

/** No answer: the connection ended, or time did. What the node does with the question is not known. */
export class NoAnswer extends Error {
  readonly isTimeout: boolean;

  constructor(message: string, isTimeout: boolean) {
    super(message);
    this.name = "NoAnswer";
    this.isTimeout = isTimeout;
  }
}

type Waiting = { resolve: (result: unknown) => void; reject: (error: Error) => void };

/** What a node says again and again about one thing. */
export type Subscription = {
  /** Ends when the connection ends, with `stop`, or with `signal`. */
  updates(signal?: AbortSignal): AsyncGenerator<unknown>;
  stop(): void;
};

class Queue implements Subscription {
  readonly #items: unknown[] = [];
  readonly #onStop: () => void;
  #wake = Promise.withResolvers<void>();
  #isEnded = false;

  constructor(onStop: () => void) {
    this.#onStop = onStop;
  }

  /** False: nobody reads them. */
  push(item: unknown): boolean {
    this.#items.push(item);
    this.#wake.resolve();
    return this.#items.length <= MAX_WAITING_UPDATES;
  }

  end(): void {
    this.#isEnded = true;
    this.#wake.resolve();
  }

  stop(): void {
    if (!this.#isEnded) this.#onStop();
    this.end();
  }

  async *updates(signal?: AbortSignal): AsyncGenerator<unknown> {
    const stop = () => this.stop();
    signal?.addEventListener("abort", stop, { once: true });
    if (signal?.aborted === true) this.stop();
    try {
      for (;;) {
        // What came before the end still counts.
        while (this.#items.length > 0 && signal?.aborted !== true) yield this.#items.shift();
        if (this.#isEnded) return;
        this.#wake = Promise.withResolvers();
        await this.#wake.promise;
      }
    } finally {
      signal?.removeEventListener("abort", stop);
      this.stop();
    }
  }
}

export type OpenOptions = { timeoutMs: number; signal?: AbortSignal | undefined };

export class NodeConnection {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, Waiting>();
  readonly #subscriptions = new Map<string, Queue>();
  /** Updates that came before the answer which names their subscription. */
  readonly #early = new Map<string, unknown[]>();
  readonly #pings: NodeJS.Timeout;
  readonly #ended = Promise.withResolvers<string>();
  #endedBecause: string | null = null;
  #lastId = 0;
  #isAlive = true;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (data, isBinary) => {
      this.#isAlive = true;
      this.#read(isBinary ? "" : String(data));
    });
    socket.on("close", (code, reason) => {
      const said = shownText(String(reason)).slice(0, MAX_SAID_CHARACTERS);
      this.#end(`the connection was closed (${code}${said === "" ? "" : `: ${said}`})`);
    });
    socket.on("error", (error) => this.#end(error.message));
    socket.on("pong", () => {
      this.#isAlive = true;
    });
    this.#pings = setInterval(() => {
      if (!this.#isAlive) {
        this.#end("the node stopped answering");
        return;
      }
      this.#isAlive = false;
      socket.ping();
    }, PING_EVERY_MS);
    this.#pings.unref();
  }

  /** Rejects with `NoAnswer`. */
  static async open(endpoint: string, { timeoutMs, signal }: OpenOptions): Promise<NodeConnection> {
    const { promise, resolve, reject } = Promise.withResolvers<NodeConnection>();
    let socket: WebSocket;
    try {
      socket = new WebSocket(endpoint, {
        handshakeTimeout: timeoutMs,
        maxPayload: MAX_MESSAGE_BYTES,
        perMessageDeflate: false,
        followRedirects: false,
      });
    } catch (error) {
      throw new NoAnswer(`no address of a node: ${error instanceof Error ? error.message : error}`, false);
    }
    const stop = () => {
      reject(new NoAnswer("the attempt was given up", false));
      socket.terminate();
    };
    signal?.addEventListener("abort", stop, { once: true });
    if (signal?.aborted === true) stop();
    socket.once("error", (error) => reject(new NoAnswer(error.message, false)));
    socket.once("open", () => resolve(new NodeConnection(socket)));
    try {
      return await promise;
    } finally {
      signal?.removeEventListener("abort", stop);
    }
  }

  /** Resolves with the reason once it has ended. */
  get ended(): Promise<string> {
    return this.#ended.promise;
  }

  get isOpen(): boolean {
    return this.#endedBecause === null;
  }

  /** Rejects with `RpcRefusal` or `NoAnswer`. */
  async request(method: string, params: readonly unknown[], timeoutMs = REQUEST_TIMEOUT_MS): Promise<unknown> {
    if (this.#endedBecause !== null) throw new NoAnswer(this.#endedBecause, false);
    const id = ++this.#lastId;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#waiting.set(id, { resolve, reject });
    const timer = setTimeout(
      () => reject(new NoAnswer(`no answer to ${method} within ${Math.round(timeoutMs / 100) / 10} s`, true)),
      timeoutMs,
    );
    this.#socket.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(id);
    }
  }

  async subscribe(
    method: string,
    unsubscribeMethod: string,
    params: readonly unknown[],
    timeoutMs = REQUEST_TIMEOUT_MS,
  ): Promise<Subscription> {
    const answer = await this.request(method, params, timeoutMs);
    const id = subscriptionId(answer);
    if (id === null) throw new NoAnswer(`${method} was answered without a subscription`, false);
    const queue = new Queue(() => {
      this.#subscriptions.delete(id);
      // Whether the node heard it does not matter.
      if (this.isOpen) this.request(unsubscribeMethod, [answer]).catch(() => undefined);
    });
    for (const item of this.#early.get(id) ?? []) queue.push(item);
    this.#early.delete(id);
    if (this.isOpen) this.#subscriptions.set(id, queue);
    else queue.end();
    return queue;
  }

  close(): void {
    this.#end("the connection was given up");
  }

  #end(reason: string): void {
    if (this.#endedBecause !== null) return;
    this.#endedBecause = reason;
    clearInterval(this.#pings);
    for (const { reject } of this.#waiting.values()) reject(new NoAnswer(reason, false));
    for (const queue of this.#subscriptions.values()) queue.end();
    this.#subscriptions.clear();
    this.#socket.terminate();
    this.#ended.resolve(reason);
  }

  #read(text: string): void {
    const message = parsed(text);
    if (message === null) {
      this.#end("the node sent something that is no JSON-RPC");
      return;
    }
    if (typeof message.method === "string") {
      this.#readUpdate(message.params);
      return;
    }
    const waiting = typeof message.id === "number" ? this.#waiting.get(message.id) : undefined;
    if (waiting === undefined) return;
    if (message.error === undefined || message.error === null) waiting.resolve(message.result ?? null);
    else waiting.reject(refusalOf(message.error));
  }

  #readUpdate(params: unknown): void {
    const { subscription, result } = recordOf(params) ?? {};
    const id = subscriptionId(subscription);
    if (id === null) return;
    const queue = this.#subscriptions.get(id);
    if (queue !== undefined) {
      if (!queue.push(result)) this.#end("the node says more than can be read");
      return;
    }
    const early = this.#early.get(id) ?? [];
    early.push(result);
    // Also what was sent after a subscription was stopped comes here; both are few.
    if (this.#early.size < 100 && early.length < 100) this.#early.set(id, early);
  }
}

function subscriptionId(value: unknown): string | null {
  return typeof value === "string" || typeof value === "number" ? String(value) : null;
}

function recordOf(value: unknown): Record<string, unknown> | null {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : null;
}

function parsed(text: string): Record<string, unknown> | null {
  try {
    return recordOf(JSON.parse(text));
  } catch {
    return null;
  }
}

function refusalOf(error: unknown): RpcRefusal {
  const { code, message, data } = recordOf(error) ?? {};
  const said = (value: unknown) =>
    value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value);
  const shown = (value: unknown) => shownText(said(value)).slice(0, MAX_SAID_CHARACTERS);
  return new RpcRefusal(typeof code === "number" ? code : 0, shown(message) || "refused without a word", shown(data));
}

/** What went wrong with a node, as `chain_unreachable` or `chain_refused`; anything else as it is. */
export function chainError(error: unknown, endpoint: string): unknown {
  if (error instanceof NoAnswer) {
    return new CrusaderError(
      "chain_unreachable",
      error.isTimeout ? `The node ${endpoint} does not answer.` : `The node ${endpoint} cannot be reached.`,
      "Check the network, or choose another node.",
      error.message,
    );
  }
  if (error instanceof RpcRefusal) {
    const isForgotten = /state already discarded|unknown block|unknownblock/i.test(`${error.message} ${error.data}`);
    return isForgotten
      ? new CrusaderError(
          "chain_refused",
          `The node ${endpoint} does not keep what was true at that block.`,
          "Choose an archive node of the same network.",
          `${error.code} ${error.message} ${error.data}`.trim(),
        )
      : new CrusaderError(
          "chain_refused",
          `The node ${endpoint} refuses to answer: ${error.message}.`,
          "Choose another node.",
          `${error.code} ${error.data}`.trim(),
        );
  }
  return error;
}
