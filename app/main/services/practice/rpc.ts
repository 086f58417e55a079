/** The node's door: JSON-RPC over WebSocket, as far as clients need it. */
import { decodeAddress } from "@polkadot/util-crypto";
import type { WebSocket } from "ws";
import { z } from "zod";
import { type Block, type ExtrinsicStatus, PoolRefusal, type PracticeChain } from "./chain.ts";
import { readExtrinsic } from "./extrinsic.ts";
import type { State } from "./ledger.ts";
import { METADATA_14, METADATA_15, type MetadataFormat } from "./metadata.ts";
import { feeOf, pulse, swapped } from "./runtime.ts";
import { bool, bytes, compact, join, option, ScaleError, ScaleReader, u8, u32, u64, vector } from "./scale.ts";
import { KEYS, prefixOf } from "./storage-keys.ts";

export type RpcFaults = {
  /** Milliseconds before each answer. */
  answerDelayMs: number;
  /** Blocks are made, and who subscribed to them is told of none. */
  headsMuted: boolean;
  /** Calls are heard and never answered. */
  silent: boolean;
  /** Hexadecimal digits; what is told as the hash of block 0. */
  toldGenesisHash: string | null;
  /** Refused as unknown. */
  missingMethods: readonly string[];
  /** An extrinsic is taken, and then its subscription's connection breaks. */
  breaksAfterSubmit: boolean;
  /** An extrinsic is taken, and nothing is said about it any more. */
  mutedAfterSubmit: boolean;
  /** An extrinsic is answered as taken, and forgotten. */
  losesExtrinsics: boolean;
  peers: number;
  isSyncing: boolean;
};

export type RpcContext = {
  chain: PracticeChain;
  faults: RpcFaults;
  chainName: string;
  metadata: (format: MetadataFormat) => Buffer;
  /** SCALE-encoded. */
  version: () => Buffer;
  /** Told when `version` changed. */
  onVersion: (listener: () => void) => () => void;
};

const requestSchema = z.object({
  id: z.union([z.number(), z.string(), z.null()]),
  method: z.string(),
  params: z.array(z.unknown()).default([]),
});

export class RpcError extends Error {
  readonly code: number;
  readonly data: string | undefined;

  constructor(code: number, message: string, data?: string) {
    super(message);
    this.code = code;
    this.data = data;
  }
}

const RAO_PER_TAO = 1_000_000_000n;
const METHOD_NOT_FOUND = -32_601;
const INVALID_PARAMS = -32_602;
const INTERNAL_ERROR = -32_603;
const SERVER_ERROR = -32_000;
const UNKNOWN_BLOCK = 4003;
/** Clients ask for the block of an "inBlock" before they can take in that it is final. */
const FINALIZED_AFTER_MS = 100;

const hex = (value: Uint8Array) => `0x${Buffer.from(value).toString("hex")}`;
/** Nodes take it without 0x, too, and some clients leave that out. */
const hexSchema = z.string().regex(/^(?:0x)?(?:[0-9a-f]{2})*$/i);

/** Serves one connection until it closes. */
export function serveRpc(socket: WebSocket, context: RpcContext): void {
  const subscriptions = new Map<string, () => void>();
  let count = 0;
  const send = (message: object) => {
    if (socket.readyState === socket.OPEN) socket.send(JSON.stringify({ jsonrpc: "2.0", ...message }));
  };
  /** What is told before the client knows the subscription's id would be lost. */
  const subscribe: Subscribe = (event, begin) => {
    const id = `practice${++count}`;
    let stop = () => {};
    setImmediate(() => {
      if (!subscriptions.has(id)) return;
      stop = begin((result) => send({ method: event, params: { subscription: id, result } }));
    });
    subscriptions.set(id, () => stop());
    return id;
  };
  const unsubscribe = (id: unknown): boolean => {
    const stop = subscriptions.get(String(id));
    subscriptions.delete(String(id));
    stop?.();
    return stop !== undefined;
  };
  // What is too large, or no message at all.
  socket.on("error", () => socket.terminate());
  socket.on("close", () => {
    for (const id of [...subscriptions.keys()]) unsubscribe(id);
  });
  socket.on("message", (data) => {
    const message = parseJson(String(data));
    const requests = (Array.isArray(message) ? message : [message]).map((one) => requestSchema.safeParse(one));
    for (const request of requests) {
      if (!request.success) {
        send({ id: null, error: { code: -32_600, message: "Invalid request" } });
        continue;
      }
      const { id, method, params } = request.data;
      const { silent, answerDelayMs } = context.faults;
      if (silent) continue;
      const answer = () => send({ id, ...answerTo(method, params, { context, subscribe, unsubscribe, socket }) });
      if (answerDelayMs > 0) setTimeout(answer, answerDelayMs);
      else answer();
    }
  });
}

type Subscribe = (event: string, begin: (tell: (result: unknown) => void) => () => void) => string;
type Connection = {
  context: RpcContext;
  subscribe: Subscribe;
  unsubscribe: (id: unknown) => boolean;
  socket: WebSocket;
};

function answerTo(method: string, params: unknown[], connection: Connection): object {
  try {
    const handler = METHODS[method];
    if (handler === undefined || connection.context.faults.missingMethods.includes(method)) {
      throw new RpcError(METHOD_NOT_FOUND, "Method not found");
    }
    return { result: handler(params, connection) };
  } catch (error) {
    if (error instanceof RpcError || error instanceof PoolRefusal) {
      const { code, message, data } = error;
      return { error: { code, message, ...(data === undefined || data === "" ? {} : { data }) } };
    }
    if (error instanceof z.ZodError || error instanceof ScaleError) {
      return { error: { code: INVALID_PARAMS, message: "Invalid params", data: error.message } };
    }
    // The app that runs the node does not end by what a client sends.
    return { error: { code: INTERNAL_ERROR, message: `Internal error: ${String(error)}` } };
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function nextIndex([address]: unknown[], { context: { chain } }: Connection): number {
  return chain.nextNonce(accountOf(address));
}

const unsubscribing: Handler = ([id], { unsubscribe }) => unsubscribe(id);
type Handler = (params: unknown[], connection: Connection) => unknown;

const METHODS: Record<string, Handler> = {
  rpc_methods: () => ({ methods: Object.keys(METHODS) }),
  system_chain: (_, { context }) => context.chainName,
  system_chainType: () => "Local",
  system_name: () => "Crusader practice network",
  system_version: () => "1.0.0",
  system_properties: () => ({ isEthereum: false, ss58Format: 42, tokenDecimals: 9, tokenSymbol: "TAO" }),
  system_health: (_, { context: { faults } }) => ({
    peers: faults.peers,
    isSyncing: faults.isSyncing,
    shouldHavePeers: true,
  }),
  system_accountNextIndex: nextIndex,
  account_nextIndex: nextIndex,

  chain_getBlockHash: ([number], { context }) => blockHash(number, context),
  chain_getHead: (_, { context: { chain } }) => `0x${chain.head.hash}`,
  chain_getHeader: ([hash], { context: { chain } }) => shownHeader(blockAt(hash, chain)),
  chain_getBlock: ([hash], { context: { chain } }) => {
    const block = blockAt(hash, chain);
    return {
      block: { header: shownHeader(block), extrinsics: block.extrinsics.map(hex) },
      justifications: null,
    };
  },
  chain_getFinalizedHead: (_, { context: { chain } }) => `0x${chain.finalized.hash}`,
  chain_subscribeNewHeads: (_, { context, context: { chain }, subscribe }) =>
    subscribe("chain_newHead", (tell) => {
      tell(shownHeader(chain.head));
      return chain.listen({
        best: (block) => {
          if (!context.faults.headsMuted) tell(shownHeader(block));
        },
      });
    }),
  chain_subscribeAllHeads: (_, { context: { chain }, subscribe }) =>
    subscribe("chain_allHead", (tell) => {
      tell(shownHeader(chain.head));
      return chain.listen({ imported: ({ block }) => tell(shownHeader(block)) });
    }),
  chain_subscribeFinalizedHeads: (_, { context: { chain }, subscribe }) =>
    subscribe("chain_finalizedHead", (tell) => {
      tell(shownHeader(chain.finalized));
      return chain.listen({ finalized: (block) => tell(shownHeader(block)) });
    }),
  chain_unsubscribeNewHeads: unsubscribing,
  chain_unsubscribeAllHeads: unsubscribing,
  chain_unsubscribeFinalizedHeads: unsubscribing,

  state_getMetadata: (_, { context }) => hex(context.metadata(METADATA_14)),
  state_getRuntimeVersion: (_, { context }) => shownVersion(context.version()),
  state_subscribeRuntimeVersion: (_, { context, subscribe }) =>
    subscribe("state_runtimeVersion", (tell) => {
      tell(shownVersion(context.version()));
      return context.onVersion(() => tell(shownVersion(context.version())));
    }),
  state_unsubscribeRuntimeVersion: unsubscribing,
  state_getStorage: ([key, hash], { context: { chain } }) => stored(chain, hash, key),
  state_getStorageAt: ([key, hash], { context: { chain } }) => stored(chain, hash, key),
  state_queryStorageAt: ([keys, hash], { context: { chain } }) => [storedUnder(keys, hash, chain)],
  state_getKeysPaged: ([prefix, count, startKey, hash], { context: { chain } }) =>
    pageOfKeys(stateAt(hash, chain), prefix, count, startKey),
  state_subscribeStorage: ([keys], { context: { chain }, subscribe }) =>
    subscribe("state_storage", (tell) => {
      let shown = "";
      const look = () => {
        const found = storedUnder(keys, undefined, chain);
        const now = JSON.stringify(found.changes);
        if (now !== shown) tell(found);
        shown = now;
      };
      look();
      return chain.listen({ best: look });
    }),
  state_unsubscribeStorage: unsubscribing,
  state_call: ([method, data, hash], { context }) =>
    hex(runtimeCall(z.string().parse(method), bytesOf(data), stateAt(hash, context.chain), context)),

  payment_queryInfo: ([extrinsic]) => ({
    weight: { ref_time: 500_000_000, proof_size: 4_000 },
    class: "normal",
    partialFee: String(feeOf(readExtrinsic(bytesOf(extrinsic)))),
  }),

  author_pendingExtrinsics: (_, { context: { chain } }) => chain.pending.map(({ encoded }) => hex(encoded)),
  author_submitExtrinsic: ([extrinsic], { context: { chain, faults } }) => {
    const { hash } = chain.submit(bytesOf(extrinsic));
    if (faults.losesExtrinsics) chain.drop(hash, false);
    return `0x${hash}`;
  },
  author_submitAndWatchExtrinsic: ([extrinsic], connection) => submitAndWatch(bytesOf(extrinsic), connection),
  author_unwatchExtrinsic: unsubscribing,
};

/** What is refused is refused in the answer, as by a node; all else is told on the subscription. */
function submitAndWatch(extrinsic: Buffer, { context: { chain, faults }, subscribe, socket }: Connection): string {
  const early: ExtrinsicStatus[] = [];
  let tell: ((status: ExtrinsicStatus) => void) | null = null;
  const { hash, unwatch } = chain.submit(extrinsic, (status) => (tell === null ? early.push(status) : tell(status)));
  if (faults.losesExtrinsics) chain.drop(hash, false);
  const id = subscribe("author_extrinsicUpdate", (tellClient) => {
    let includedAt = 0;
    const timers = new Set<NodeJS.Timeout>();
    tell = (status) => {
      if (faults.mutedAfterSubmit) return;
      if (typeof status === "object" && "inBlock" in status) includedAt = performance.now();
      const wait =
        typeof status === "object" && "finalized" in status ? includedAt + FINALIZED_AFTER_MS - performance.now() : 0;
      if (wait > 0) timers.add(setTimeout(() => tellClient(shownStatus(status)), wait));
      else tellClient(shownStatus(status));
    };
    for (const status of early) tell(status);
    return () => {
      unwatch();
      for (const timer of timers) clearTimeout(timer);
    };
  });
  if (faults.breaksAfterSubmit) setImmediate(() => socket.terminate());
  return id;
}

function shownStatus(status: ExtrinsicStatus): unknown {
  return typeof status === "string"
    ? status
    : Object.fromEntries(Object.entries(status).map(([name, hash]) => [name, `0x${hash}`]));
}

function accountOf(address: unknown): Uint8Array {
  try {
    return decodeAddress(z.string().parse(address));
  } catch (error) {
    throw new RpcError(INVALID_PARAMS, "Invalid params", (error as Error).message);
  }
}

function bytesOf(value: unknown): Buffer {
  return Buffer.from(hexSchema.parse(value).replace(/^0x/i, ""), "hex");
}

function blockHash(number: unknown, { chain, faults }: RpcContext): unknown {
  if (Array.isArray(number)) return number.map((one) => blockHash(one, { chain, faults } as RpcContext));
  const at = number === undefined || number === null ? chain.head.number : Number(number);
  if (at === 0 && faults.toldGenesisHash !== null) return `0x${faults.toldGenesisHash}`;
  const hash = chain.hashOf(at);
  return hash === null ? null : `0x${hash}`;
}

function blockAt(hash: unknown, chain: PracticeChain): Block {
  if (hash === undefined || hash === null) return chain.head;
  const block = chain.block(bytesOf(hash).toString("hex"));
  if (block === null) throw new RpcError(SERVER_ERROR, "Block not found");
  return block;
}

function stateAt(hash: unknown, chain: PracticeChain): State {
  const block = blockAt(hash, chain);
  const state = chain.stateAt(block.hash);
  if (state === null) {
    throw new RpcError(UNKNOWN_BLOCK, `State already discarded for 0x${block.hash}`);
  }
  return state;
}

function shownHeader(block: Block): object {
  return {
    parentHash: `0x${block.parentHash}`,
    number: `0x${block.number.toString(16)}`,
    stateRoot: `0x${block.stateRoot}`,
    extrinsicsRoot: `0x${block.extrinsicsRoot}`,
    digest: { logs: [hex(block.digestLog)] },
  };
}

/** Two maps are computed when they are read: all hashes of blocks, and all pulses. */
function valueAt(chain: PracticeChain, state: State, key: string): Buffer | null {
  const [pulses, hashes] = [prefixOf("Drand", "Pulses"), prefixOf("System", "BlockHash")];
  if (key.startsWith(pulses) && key.length === pulses.length + 48) {
    const round = Buffer.from(key.slice(-16), "hex").readBigUInt64LE();
    const isStored =
      round >= numberIn(state, KEYS.oldestStoredRound()) && round <= numberIn(state, KEYS.lastStoredRound());
    return isStored ? pulse(chain.beacon, Number(round)) : null;
  }
  if (key.startsWith(hashes) && key.length === hashes.length + 24) {
    const number = Buffer.from(key.slice(-8), "hex").readUInt32LE();
    const hash = BigInt(number) < numberIn(state, KEYS.number()) ? chain.hashOf(number) : null;
    return hash === null ? null : Buffer.from(hash, "hex");
  }
  return state.get(key) ?? null;
}

function numberIn(state: State, key: string): bigint {
  return (state.get(key) ?? Buffer.alloc(0)).reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

function stored(chain: PracticeChain, hash: unknown, key: unknown): string | null {
  const value = valueAt(chain, stateAt(hash, chain), bytesOf(key).toString("hex"));
  return value === null ? null : hex(value);
}

function storedUnder(keys: unknown, hash: unknown, chain: PracticeChain): { block: string; changes: unknown[] } {
  const asked = z.array(hexSchema).parse(keys);
  return {
    block: `0x${blockAt(hash, chain).hash}`,
    changes: asked.map((key) => [key, stored(chain, hash, key)]),
  };
}

const MAX_PAGE = 1000;

function pageOfKeys(state: State, prefix: unknown, count: unknown, startKey: unknown): string[] {
  const [begin, limit] = [bytesOf(prefix ?? "0x").toString("hex"), z.number().int().min(0).max(MAX_PAGE).parse(count)];
  const after = startKey === undefined || startKey === null ? "" : bytesOf(startKey).toString("hex");
  return [...state.keys()]
    .filter((key) => key.startsWith(begin) && key > after)
    .toSorted()
    .slice(0, limit)
    .map((key) => `0x${key}`);
}

function shownVersion(encoded: Uint8Array): object {
  const reader = new ScaleReader(encoded);
  const [specName, implName] = [String(reader.bytes()), String(reader.bytes())];
  const [authoringVersion, specVersion, implVersion] = [reader.u32(), reader.u32(), reader.u32()];
  const apis = Array.from({ length: Number(reader.compact()) }, () => [hex(reader.take(8)), reader.u32()]);
  const [transactionVersion, stateVersion] = [reader.u32(), reader.u8()];
  return {
    specName,
    implName,
    authoringVersion,
    specVersion,
    implVersion,
    apis,
    transactionVersion,
    stateVersion,
    systemVersion: stateVersion,
  };
}

/** What is not here is no method of this runtime, which the node says. */
function runtimeCall(method: string, data: Buffer, state: State, { metadata, version }: RpcContext): Buffer {
  const reader = new ScaleReader(data);
  switch (method) {
    case "Core_version":
      return version();
    case "Metadata_metadata":
      return bytes(metadata(METADATA_14));
    case "Metadata_metadata_versions":
      return vector([u32(METADATA_14), u32(METADATA_15)]);
    case "Metadata_metadata_at_version": {
      const format = reader.u32();
      return option(format === METADATA_14 || format === METADATA_15 ? bytes(metadata(format)) : null);
    }
    case "AccountNonceApi_account_nonce":
      return u32(Number(numberIn(state, KEYS.account(reader.take(32))) & 0xffffffffn));
    case "TransactionPaymentApi_query_info": {
      const fee = feeOf(readExtrinsic(data.subarray(0, -4)));
      return join(compact(500_000_000), compact(4_000), u8(0), u64(fee));
    }
    case "StakeInfoRuntimeApi_get_stake_info_for_hotkey_coldkey_netuid": {
      const [hotkey, coldkey, netuid] = [reader.take(32), reader.take(32), reader.u16()];
      const stake = numberIn(state, KEYS.stake(hotkey, coldkey, netuid));
      const isRegistered = state.has(KEYS.uids(netuid, hotkey));
      return option(
        join(
          hotkey,
          coldkey,
          compact(netuid),
          compact(stake),
          ...Array.from({ length: 4 }, () => compact(0)),
          bool(isRegistered),
        ),
      );
    }
    case "SwapRuntimeApi_current_alpha_price": {
      const { tao, alpha } = poolIn(state, reader.u16());
      return u64(alpha === 0n ? 0n : (tao * RAO_PER_TAO) / alpha);
    }
    // A stake takes no fee of the pool's here, as `StakeAdded` says, too.
    case "SwapRuntimeApi_sim_swap_tao_for_alpha": {
      const { tao, alpha } = poolIn(state, reader.u16());
      const amount = reader.u64();
      return join(u64(amount), u64(swapped(amount, tao, alpha)), u64(0), u64(0));
    }
    case "SwapRuntimeApi_sim_swap_alpha_for_tao": {
      const { tao, alpha } = poolIn(state, reader.u16());
      const amount = reader.u64();
      return join(u64(swapped(amount, alpha, tao)), u64(amount), u64(0), u64(0));
    }
    default:
      throw new RpcError(SERVER_ERROR, `Client error: Execution failed: Other: Exported method ${method} is not found`);
  }
}

function poolIn(state: State, netuid: number): { tao: bigint; alpha: bigint } {
  return { tao: numberIn(state, KEYS.subnetTao(netuid)), alpha: numberIn(state, KEYS.subnetAlphaIn(netuid)) };
}
