/**
 * The shared connection of one network: opened when it is first needed, made again with growing pauses as long as it is. What a
 * node says of itself is checked each time: it stays the chain that it was, and tells one runtime under one number.
 */
import type { ChainStatus, Network } from "../../../common/chain.ts";
import { CrusaderError } from "../../../common/errors.ts";
import { shownText } from "../../../common/shown-text.ts";
import { Revision } from "../streams/index.ts";
import type { NetworkPlace } from "./chain.ts";
import { genesisOf, publicNetworkOf } from "./networks.ts";
import { chainError, NoAnswer, NodeConnection, RpcRefusal, type Subscription } from "./node-connection.ts";
import { loadLibrary, Runtime, type RuntimeVersion } from "./runtime.ts";
import { type SeenHead, silenceLimitSeconds, statusOf } from "./status.ts";

const DEFAULT_SECONDS_PER_BLOCK = 12;
const FIRST_PAUSE_MS = 500;
const LAST_PAUSE_MS = 30_000;
/** To nodes that somebody on this machine starts and stops. */
const LAST_PAUSE_AT_HOME_MS = 2_000;
const METADATA_TIMEOUT_MS = 30_000;
const UNUSED = "nobody used the connection";
const MAX_KEPT_VERSIONS = 64;

export type LinkLimits = {
  /** For a connection to be there and to have said what chain it is. */
  openMs: number;
  requestMs: number;
  /** Without a new block; null: by the time of a block. */
  silenceMs: number | null;
  /** After so long a connection that nobody uses is let go. */
  unusedMs: number;
};
export const DEFAULT_LIMITS: LinkLimits = { openMs: 20_000, requestMs: 15_000, silenceMs: null, unusedMs: 300_000 };

export type LinkOptions = {
  network: Network;
  resolve: (network: Network) => NetworkPlace | Promise<NetworkPlace>;
  limits: LinkLimits;
  /** This machine's clock, in milliseconds since 1970. */
  now: () => number;
};

export const CLOSED = new CrusaderError("cancelled", "The connections to chains were closed.");

/** A connection that has said which chain it is of, and what it has told since. */
export class Established {
  readonly connection: NodeConnection;
  readonly place: NetworkPlace;
  readonly genesisHash: string;
  readonly chainName: string;
  isSyncing = false;
  head: Omit<SeenHead, "finalizedBlock"> | null = null;
  finalizedBlock: number | null = null;
  /** By a clock that nobody sets. */
  headSeenAt = performance.now();
  readonly #limits: LinkLimits;
  readonly #runtimes = new Map<number, Promise<Runtime>>();
  readonly #versionsBefore = new Map<string, RuntimeVersion>();
  #current: Runtime;

  private constructor(
    options: Pick<Established, "connection" | "place" | "genesisHash" | "chainName"> & {
      runtime: Runtime;
      limits: LinkLimits;
    },
  ) {
    this.connection = options.connection;
    this.place = options.place;
    this.genesisHash = options.genesisHash;
    this.chainName = options.chainName;
    this.#limits = options.limits;
    this.#current = options.runtime;
    this.#runtimes.set(options.runtime.version.specVersion, Promise.resolve(options.runtime));
  }

  static async open(place: NetworkPlace, limits: LinkLimits, signal: AbortSignal): Promise<Established> {
    const [connection] = await Promise.all([
      NodeConnection.open(place.endpoint, { timeoutMs: limits.openMs, signal }),
      loadLibrary(),
    ]);
    const stop = () => connection.close();
    signal.addEventListener("abort", stop, { once: true });
    try {
      const [genesisHash, chainName, said] = await Promise.all([
        connection.request("chain_getBlockHash", [0], limits.requestMs),
        connection.request("system_chain", [], limits.requestMs),
        connection.request("state_getRuntimeVersion", [], limits.requestMs),
      ]);
      const metadata = await connection.request("state_getMetadata", [], METADATA_TIMEOUT_MS);
      return new Established({
        connection,
        place,
        genesisHash: hashOf(genesisHash, place.endpoint),
        chainName: typeof chainName === "string" ? shownText(chainName).slice(0, 60) : "",
        runtime: await Runtime.read(metadata, versionOf(said, place.endpoint)),
        limits,
      });
    } catch (error) {
      connection.close();
      throw error;
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  /** Of the newest block. */
  get runtime(): Runtime {
    return this.#current;
  }

  request(method: string, params: readonly unknown[], timeoutMs = this.#limits.requestMs): Promise<unknown> {
    return this.connection.request(method, params, timeoutMs);
  }

  subscribe(method: string, unsubscribeMethod: string, params: readonly unknown[]): Promise<Subscription> {
    return this.connection.subscribe(method, unsubscribeMethod, params, this.#limits.requestMs);
  }

  /** The one that what is built on a block must fit. */
  async runtimeOn(blockHash: string): Promise<Runtime> {
    const said = await this.request("state_getRuntimeVersion", [blockHash]);
    return this.#runtimeOf(versionOf(said, this.place.endpoint), blockHash);
  }

  /** The one that a block was made with, and its state is written in. Without a hash: the newest. */
  async runtimeOf(blockHash: string | undefined): Promise<Runtime> {
    if (blockHash === undefined) return this.#current;
    let version = this.#versionsBefore.get(blockHash);
    if (version === undefined) {
      const header = headerOf(await this.request("chain_getHeader", [blockHash]), this.place.endpoint);
      const made = header.block === 0 ? blockHash : header.parentHash;
      version = versionOf(await this.request("state_getRuntimeVersion", [made]), this.place.endpoint);
      if (this.#versionsBefore.size >= MAX_KEPT_VERSIONS) this.#versionsBefore.clear();
      this.#versionsBefore.set(blockHash, version);
      return this.#runtimeOf(version, made);
    }
    return this.#runtimeOf(version, blockHash);
  }

  /** The chain was given another runtime. */
  async upgrade(said: unknown): Promise<void> {
    const version = versionOf(said, this.place.endpoint);
    if (version.specVersion !== this.#current.version.specVersion) {
      this.#current = await this.#runtimeOf(version, undefined);
    }
  }

  #runtimeOf(version: RuntimeVersion, blockHash: string | undefined): Promise<Runtime> {
    const known = this.#runtimes.get(version.specVersion);
    if (known !== undefined) return known;
    const reading = this.request(
      "state_getMetadata",
      blockHash === undefined ? [] : [blockHash],
      METADATA_TIMEOUT_MS,
    ).then((metadata) => Runtime.read(metadata, version));
    this.#runtimes.set(version.specVersion, reading);
    reading.catch(() => this.#runtimes.delete(version.specVersion));
    return reading;
  }
}

export class NodeLink {
  readonly #options: LinkOptions;
  readonly #revision = new Revision();
  readonly #closing = new AbortController();
  readonly #running: Promise<void>;
  #established: Established | null = null;
  #failure: unknown = null;
  #failedAttempts = 0;
  /** Who waits for a connection, uses or watches it. */
  #users = 0;
  #unusedSince = performance.now();
  #waiting = 0;
  #endpoint = "";
  /** What the first connection said. */
  #first: { genesisHash: string; metadataHashes: Map<number, string> } | null = null;
  #over: CrusaderError | null = null;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  /** It will never connect again: another chain is there. */
  get over(): CrusaderError | null {
    return this.#over;
  }

  /** Moves with every change of `status`. */
  get revision(): Revision {
    return this.#revision;
  }

  /** The connection, made if there is none; rejects with the cause where the attempt fails. */
  async use(signal?: AbortSignal): Promise<Established> {
    const untilMs = performance.now() + this.#options.limits.openMs;
    const failedBefore = this.#failedAttempts;
    this.#waiting += 1;
    const release = this.hold();
    try {
      for (;;) {
        const seen = this.#revision.number;
        signal?.throwIfAborted();
        if (this.#over !== null) throw this.#over;
        if (this.#established?.connection.isOpen === true) return this.#established;
        if (this.#failedAttempts > failedBefore) throw this.#failure;
        const leftMs = untilMs - performance.now();
        if (leftMs <= 0) throw this.#tooSlow();
        await this.#revision.next(seen, signal, leftMs);
      }
    } catch (error) {
      if (signal?.aborted !== true) throw error;
      throw new CrusaderError("cancelled", "The connection to the chain was given up.");
    } finally {
      this.#waiting -= 1;
      release();
    }
  }

  /** Keeps the connection wanted until the function that it returns is called. */
  hold(): () => void {
    this.#users += 1;
    this.#revision.advance();
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#users -= 1;
      this.#unusedSince = performance.now();
    };
  }

  status(): ChainStatus {
    const established = this.#established;
    const failure = this.#over ?? this.#failure;
    const secondsPerBlock = established?.place.secondsPerBlock ?? DEFAULT_SECONDS_PER_BLOCK;
    return statusOf(
      {
        network: this.#options.network,
        endpoint: established?.place.endpoint ?? this.#endpoint,
        state: this.#state(failure),
        head: established?.head ? { ...established.head, finalizedBlock: established.finalizedBlock } : null,
        silentSeconds: established === null ? 0 : (performance.now() - established.headSeenAt) / 1000,
        silenceLimitSeconds: this.#silenceMs(secondsPerBlock) / 1000,
        secondsPerBlock,
        isSyncing: established?.isSyncing ?? false,
        chainName: established?.chainName ?? null,
        specVersion: established?.runtime.version.specVersion ?? null,
        differences: established?.runtime.differences() ?? [],
        failure:
          established !== null || failure === null
            ? null
            : failure instanceof CrusaderError
              ? failure
              : { message: "The connection to the chain failed.", hint: "" },
      },
      this.#options.now(),
    );
  }

  #state(failure: unknown): ChainStatus["state"] {
    if (this.#established !== null) return "connected";
    if (this.#over !== null) return "failed";
    if (this.#first !== null) return "reconnecting";
    if (failure === null) return "connecting";
    return failure instanceof CrusaderError && failure.code === "not_found" ? "nowhere" : "failed";
  }

  /** How it stands, and again with each change; keeps the connection wanted. */
  async *watch(signal: AbortSignal | undefined): AsyncGenerator<ChainStatus> {
    const release = this.hold();
    let shown = "";
    try {
      while (signal?.aborted !== true && !this.#closing.signal.aborted) {
        const seen = this.#revision.number;
        const status = this.status();
        const { ageSeconds: _, ...lasting } = status;
        const text = JSON.stringify(lasting);
        if (text !== shown) yield status;
        shown = text;
        if (this.#over !== null) return;
        await this.#revision.next(seen, signal);
      }
    } finally {
      release();
    }
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#over ??= CLOSED;
    this.#established?.connection.close();
    this.#revision.advance();
    await this.#running;
  }

  #silenceMs(secondsPerBlock: number): number {
    return this.#options.limits.silenceMs ?? silenceLimitSeconds(secondsPerBlock) * 1000;
  }

  #tooSlow(): CrusaderError {
    return new CrusaderError(
      "chain_unreachable",
      `The node ${this.#endpoint} does not answer.`,
      "Check the network, or choose another node.",
      `Nothing within ${this.#options.limits.openMs / 1000} s.`,
    );
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    const isAtHome = this.#options.network === "practice" || this.#options.network === "local";
    for (let pauseMs = FIRST_PAUSE_MS; !signal.aborted && this.#over === null; ) {
      await this.#until(() => this.#users > 0);
      if (signal.aborted) return;
      try {
        const established = await this.#attempt();
        pauseMs = FIRST_PAUSE_MS;
        const reason = await this.#follow(established);
        // Whoever waits now waits for the next attempt: this one did not fail.
        this.#failure =
          reason === UNUSED
            ? null
            : new CrusaderError(
                "chain_unreachable",
                `The connection to ${this.#endpoint} broke off.`,
                "It is made again as soon as the node answers.",
                reason,
              );
      } catch (error) {
        this.#failure = chainError(error, this.#endpoint);
        this.#failedAttempts += 1;
        pauseMs = Math.min(pauseMs * 2, isAtHome ? LAST_PAUSE_AT_HOME_MS : LAST_PAUSE_MS);
      }
      this.#established = null;
      this.#revision.advance();
      // Who asks now need not wait for the end of a long pause, but nobody makes it a loop.
      await new Revision().next(0, signal, Math.min(pauseMs, FIRST_PAUSE_MS) / 2);
      await this.#until(() => this.#waiting > 0, pauseMs);
    }
  }

  async #until(isTrue: () => boolean, timeoutMs?: number): Promise<void> {
    const untilMs = performance.now() + (timeoutMs ?? 0);
    const { signal } = this.#closing;
    for (;;) {
      const seen = this.#revision.number;
      const leftMs = timeoutMs === undefined ? undefined : untilMs - performance.now();
      if (signal.aborted || isTrue() || (leftMs !== undefined && leftMs <= 0)) return;
      await this.#revision.next(seen, signal, leftMs);
    }
  }

  async #attempt(): Promise<Established> {
    const { network, resolve, limits } = this.#options;
    const place = await resolve(network);
    this.#endpoint = place.endpoint;
    const established = await Established.open(
      place,
      limits,
      AbortSignal.any([this.#closing.signal, AbortSignal.timeout(limits.openMs)]),
    );
    try {
      this.#checkSame(established);
      return established;
    } catch (error) {
      established.connection.close();
      throw error;
    }
  }

  #checkSame({ genesisHash, runtime, place }: Established): void {
    const { network } = this.#options;
    const expected = genesisOf(network) ?? place.genesisHash;
    // What is signed for a network on this machine must count nowhere else.
    const isAtHome = network === "practice" || network === "local";
    const isForeign = isAtHome && publicNetworkOf(genesisHash) !== null;
    if ((expected !== undefined && genesisHash !== expected) || isForeign) {
      throw new CrusaderError(
        "chain_refused",
        `The node ${place.endpoint} is not of the network "${network}".`,
        isForeign
          ? "It is of a public network: where that is meant, choose the network, or name the node's address. Nothing was signed or sent."
          : "Choose another node. Nothing was signed or sent.",
        `Its first block is ${genesisHash}${expected === undefined ? "" : `, and that of the network ${expected}`}.`,
      );
    }
    this.#first ??= { genesisHash, metadataHashes: new Map() };
    if (this.#first.genesisHash !== genesisHash) {
      this.#over = new CrusaderError(
        "chain_refused",
        `Another chain answers at ${place.endpoint} than before.`,
        "What was prepared for the one before counts nowhere else: begin anew.",
        `Its first block is ${genesisHash}, and was ${this.#first.genesisHash}.`,
      );
      throw this.#over;
    }
    const { specVersion } = runtime.version;
    const known = this.#first.metadataHashes.get(specVersion);
    if (known !== undefined && known !== runtime.metadataHash) {
      this.#over = new CrusaderError(
        "chain_refused",
        `The node ${place.endpoint} describes the runtime ${specVersion} in another way than before.`,
        "One of the two descriptions is false: choose another node. Nothing was signed or sent by this one.",
      );
      throw this.#over;
    }
    this.#first.metadataHashes.set(specVersion, runtime.metadataHash);
  }

  /** Until the connection ends; resolves with the reason. */
  async #follow(established: Established): Promise<string> {
    const { connection } = established;
    let cause = "";
    const failed = (error: unknown) => {
      if (connection.isOpen) cause = error instanceof Error ? error.message : String(error);
      connection.close();
    };
    const [heads, finalized, versions] = await Promise.all([
      established.subscribe("chain_subscribeNewHeads", "chain_unsubscribeNewHeads", []),
      established.subscribe("chain_subscribeFinalizedHeads", "chain_unsubscribeFinalizedHeads", []),
      established.subscribe("state_subscribeRuntimeVersion", "state_unsubscribeRuntimeVersion", []),
    ]).catch((error) => {
      connection.close();
      throw error;
    });
    this.#followUpdates(heads, (header) => this.#readHead(established, header)).catch(failed);
    this.#followUpdates(finalized, (header) => {
      const { block } = headerOf(header, established.place.endpoint);
      established.finalizedBlock = block;
    }).catch(failed);
    this.#followUpdates(versions, async (said) => {
      await established.upgrade(said);
      this.#checkSame(established);
    }).catch(failed);
    const silenceMs = this.#silenceMs(established.place.secondsPerBlock ?? DEFAULT_SECONDS_PER_BLOCK);
    const timer = setInterval(
      () => void unlessSlow(() => this.#checkSilence(established, silenceMs)).catch(failed),
      silenceMs,
    );
    timer.unref();
    const unused = setInterval(() => {
      if (this.#users > 0 || performance.now() - this.#unusedSince < this.#options.limits.unusedMs) return;
      cause = UNUSED;
      connection.close();
    }, this.#options.limits.unusedMs);
    unused.unref();
    this.#established = established;
    this.#failure = null;
    this.#revision.advance();
    await unlessSlow(() => this.#readHealth(established)).catch(failed);
    const reason = await connection.ended;
    clearInterval(timer);
    clearInterval(unused);
    return cause === "" ? reason : cause;
  }

  async #followUpdates(subscription: Subscription, read: (update: unknown) => void | Promise<void>): Promise<void> {
    for await (const update of subscription.updates()) {
      await unlessSlow(() => read(update));
      this.#revision.advance();
    }
  }

  async #readHead(established: Established, header: unknown): Promise<void> {
    const { block } = headerOf(header, established.place.endpoint);
    const { runtime } = established;
    const hex = await established.request("state_getStorage", [runtime.storageKey("Timestamp", "Now", [])]);
    const timeMs = Number(runtime.storageValue("Timestamp", "Now", storedHex(hex, established.place.endpoint)));
    established.head = { block, timeMs };
    established.headSeenAt = performance.now();
  }

  async #readHealth(established: Established): Promise<void> {
    const health = await readHealth(established);
    established.isSyncing = health?.isSyncing ?? false;
    this.#revision.advance();
  }

  /** A node that makes blocks and tells of none has lost the subscription; one that makes none stands still. */
  async #checkSilence(established: Established, silenceMs: number): Promise<void> {
    if (performance.now() - established.headSeenAt < silenceMs) return;
    const header = headerOf(await established.request("chain_getHeader", []), established.place.endpoint);
    if (established.head !== null && header.block > established.head.block) {
      throw new Error("the node stopped telling of new blocks");
    }
    await this.#readHealth(established);
  }
}

/** A node that takes too long is told about by its age; only one that is gone is left. */
async function unlessSlow(read: () => void | Promise<void>): Promise<void> {
  try {
    await read();
  } catch (error) {
    if (!(error instanceof NoAnswer && error.isTimeout)) throw error;
  }
}

/** Null where the node does not tell. */
export async function readHealth(established: Established): Promise<{ peers: number; isSyncing: boolean } | null> {
  try {
    const said = (await established.request("system_health", [])) as { peers?: unknown; isSyncing?: unknown } | null;
    if (typeof said?.peers !== "number" || typeof said.isSyncing !== "boolean") return null;
    return { peers: said.peers, isSyncing: said.isSyncing };
  } catch (error) {
    if (error instanceof RpcRefusal) return null;
    throw error;
  }
}

/** What no chain says, of the node at that address. */
export function nonsense(what: string, endpoint: string, said: unknown): CrusaderError {
  return new CrusaderError(
    "chain_refused",
    `The node ${endpoint} says of ${what} what no chain would.`,
    "Choose another node.",
    shownText(JSON.stringify(said) ?? String(said)).slice(0, 300),
  );
}

export function hashOf(said: unknown, endpoint: string): string {
  if (typeof said !== "string" || !/^0x[0-9a-f]{64}$/i.test(said)) throw nonsense("a block", endpoint, said);
  return said.toLowerCase();
}

/** The value of `state_getStorage`; null: there is none. */
export function storedHex(said: unknown, endpoint: string): string | null {
  if (said === null) return null;
  if (typeof said !== "string" || !/^0x(?:[0-9a-f]{2})*$/i.test(said)) throw nonsense("its state", endpoint, said);
  return said;
}

export function headerOf(said: unknown, endpoint: string): { block: number; parentHash: string } {
  const { number, parentHash } = (said ?? {}) as { number?: unknown; parentHash?: unknown };
  if (typeof number !== "string" || !/^0x[0-9a-f]{1,8}$/i.test(number)) throw nonsense("a block", endpoint, said);
  return { block: Number(number), parentHash: hashOf(parentHash, endpoint) };
}

export function versionOf(said: unknown, endpoint: string): RuntimeVersion {
  const { specName, specVersion, transactionVersion } = (said ?? {}) as Record<string, unknown>;
  const isNumber = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
  if (typeof specName !== "string" || !isNumber(specVersion) || !isNumber(transactionVersion)) {
    throw nonsense("its runtime", endpoint, said);
  }
  return { specName: shownText(specName).slice(0, 60), specVersion, transactionVersion };
}
