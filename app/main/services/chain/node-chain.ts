/** A chain, asked through one node. Reads are asked again once where the connection broke; nothing that is sent ever is. */
import type { ChainCall, Inclusion, Network, SignerPayload, UnsignedExtrinsic } from "../../../common/chain.ts";
import { signerPayloadSchema } from "../../../common/chain.ts";
import { CrusaderError } from "../../../common/errors.ts";
import type { Signed } from "../../../common/submission.ts";
import type { Beacon } from "../timelock/index.ts";
import type {
  AssembledExtrinsic,
  At,
  Balance,
  Chain,
  ChainEvent,
  CommitmentSpace,
  Found,
  Head,
  NetworkPlace,
  NodeHealth,
  PendingCommitment,
  ReadExtrinsic,
  RefusalReason,
  RevealedCommitment,
  RuntimeFacts,
  SendUpdate,
  WantedExtrinsic,
} from "./chain.ts";
import { chainError, NoAnswer, RpcRefusal, type Subscription } from "./node-connection.ts";
import { type Established, hashOf, headerOf, type NodeLink, nonsense, readHealth, storedHex } from "./node-link.ts";
import { KNOWN_RUNTIME, publicKeyOf, type Runtime } from "./runtime.ts";
import { blake2_256, fromHex, littleEndian, ScaleReader, toHex } from "./scale.ts";

const ERA_BLOCKS = 64;
/** Above it, finality has stopped, and an era that begins with the last finalized block would soon be over. */
const MAX_ERA_LAG_BLOCKS = 5;
const SEND_TIMEOUT_MS = 30_000;
const BLOCKS_AT_ONCE = 8;
/** The account of zeros, which the chain names where there is nobody. */
const NOBODY = "5C4hrfjw9DjXZTzV3MwzrrAr9P1MJhSrvWGWqi1eSuyUpnhM";
/** What is stored may be rounded, as stakes are shares of a pool. */
const MAX_ROUNDED_SHARE = 100n;

type BlockBody = { block: number; extrinsics: string[] };

export class NodeChain implements Chain {
  readonly network: Network;
  readonly endpoint: string;
  readonly beacon: Beacon;
  readonly secondsPerBlock: number | null;
  readonly genesisHash: string;
  readonly #link: NodeLink;

  constructor(network: Network, place: NetworkPlace, genesisHash: string, link: NodeLink) {
    this.network = network;
    this.endpoint = place.endpoint;
    this.beacon = place.beacon;
    this.secondsPerBlock = place.secondsPerBlock;
    this.genesisHash = genesisHash;
    this.#link = link;
  }

  runtime(): Promise<RuntimeFacts> {
    return this.#ask(async ({ runtime, chainName }) => {
      const differences = runtime.differences();
      return {
        chainName,
        ...runtime.version,
        isKnown: runtime.version.specVersion === KNOWN_RUNTIME.specVersion && differences.length === 0,
        differences,
        refusals: runtime.refusals(),
      };
    });
  }

  head(): Promise<Head> {
    return this.#ask(async (node) => {
      const [blockHash, finalizedHash] = await this.#tips(node);
      const [best, finalized, runtime, timeMs] = await Promise.all([
        this.#header(node, blockHash),
        this.#header(node, finalizedHash),
        node.runtimeOn(blockHash),
        this.#read(node, "Timestamp", "Now", [], blockHash),
      ]);
      return {
        block: best.block,
        blockHash,
        timeMs: Number(timeMs),
        finalizedBlock: finalized.block,
        finalizedHash,
        specVersion: runtime.version.specVersion,
      };
    });
  }

  async *watchHead(signal: AbortSignal | undefined): AsyncGenerator<Head> {
    let shown = "";
    for await (const status of this.#link.watch(signal)) {
      if (status.state !== "connected" || status.block === null) continue;
      const head = await this.head().catch((error) => {
        // The connection that comes next brings the next head.
        if (error instanceof CrusaderError && error.code === "chain_unreachable") return null;
        throw error;
      });
      if (head === null) continue;
      const key = `${head.blockHash} ${head.finalizedHash}`;
      if (key !== shown) yield head;
      shown = key;
    }
    if (signal?.aborted !== true && this.#link.over !== null) throw this.#link.over;
  }

  health(): Promise<NodeHealth | null> {
    return this.#ask(readHealth);
  }

  blockHashOf(block: number): Promise<string | null> {
    return this.#ask((node) => this.#hashAt(node, block));
  }

  async uidOf(netuid: number, hotkey: string, at?: At): Promise<number | null> {
    return (await this.#storage("SubtensorModule", "Uids", [netuid, await publicKeyOf(hotkey)], at)) as number | null;
  }

  async hotkeyAt(netuid: number, uid: number, at?: At): Promise<string | null> {
    return somebody(await this.#storage("SubtensorModule", "Keys", [netuid, uid], at));
  }

  async ownerOf(hotkey: string, at?: At): Promise<string | null> {
    return somebody(await this.#storage("SubtensorModule", "Owner", [await publicKeyOf(hotkey)], at));
  }

  async balanceOf(address: string, at?: At): Promise<Balance> {
    const account = (await this.#storage("System", "Account", [await publicKeyOf(address)], at)) as {
      data: Record<"free" | "reserved" | "frozen", number | string>;
    };
    return {
      freeRao: BigInt(account.data.free),
      reservedRao: BigInt(account.data.reserved),
      frozenRao: BigInt(account.data.frozen),
    };
  }

  async stakeOf(stake: { hotkey: string; coldkey: string; netuid: number }, at?: At): Promise<bigint> {
    const keys = [await publicKeyOf(stake.hotkey), await publicKeyOf(stake.coldkey)] as const;
    const question = toHex(Buffer.concat([...keys, littleEndian(stake.netuid, 2)]));
    // By its name and by hand: metadata of version 14 has no runtime APIs.
    const api = "StakeInfoRuntimeApi_get_stake_info_for_hotkey_coldkey_netuid";
    const said = await this.#ask((node) =>
      node.request("state_call", [api, question, ...(at === undefined ? [] : [at])]),
    );
    const amount = stakeIn(storedHex(said, this.endpoint) ?? "0x", keys, stake.netuid);
    if (amount === null) throw nonsense("a stake", this.endpoint, said);
    return amount;
  }

  async commitmentOf(netuid: number, hotkey: string, at?: At): Promise<PendingCommitment | null> {
    const found = (await this.#storage("Commitments", "CommitmentOf", [netuid, await publicKeyOf(hotkey)], at)) as {
      block: number;
      info: { fields: ({ timelockEncrypted?: { encrypted: string; revealRound: number } } | null)[] };
    } | null;
    if (found === null) return null;
    const locked = found.info.fields.find((field) => field?.timelockEncrypted !== undefined)?.timelockEncrypted;
    return { block: found.block, revealRound: locked?.revealRound ?? null, encrypted: locked?.encrypted ?? null };
  }

  async lastCommitmentBlock(netuid: number, hotkey: string, at?: At): Promise<number | null> {
    return (await this.#storage("Commitments", "LastCommitment", [netuid, await publicKeyOf(hotkey)], at)) as
      | number
      | null;
  }

  async spaceOf(netuid: number, hotkey: string, at?: At): Promise<CommitmentSpace> {
    const [block, used, maxBytes, tempo] = (await Promise.all([
      this.#storage("System", "Number", [], at),
      this.#storage("Commitments", "UsedSpaceOf", [netuid, await publicKeyOf(hotkey)], at),
      this.#storage("Commitments", "MaxSpace", [], at),
      this.#storage("SubtensorModule", "Tempo", [netuid], at),
    ])) as [number, { lastEpoch: number; usedSpace: number } | null, number, number];
    const epochBlocks = tempo + 1;
    const offset = netuid + 1;
    // Of the next block, in which a commitment could be.
    const epoch = Math.floor((block + 1 + offset) / epochBlocks);
    return {
      usedBytes: used?.lastEpoch === epoch ? used.usedSpace : 0,
      maxBytes,
      tempo,
      epochEndBlock: (epoch + 1) * epochBlocks - offset - 1,
    };
  }

  async revealedOf(netuid: number, hotkey: string, at?: At): Promise<RevealedCommitment[]> {
    const found = await this.#storage("Commitments", "RevealedCommitments", [netuid, await publicKeyOf(hotkey)], at);
    return ((found ?? []) as [string, number][]).map(([hex, block]) => {
      const bytes = fromHex(hex);
      return { text: scaleText(bytes), bytes, block };
    });
  }

  async drand(at?: At): Promise<{ lastStoredRound: number; publicKey: Uint8Array }> {
    const [round, config] = await Promise.all([
      this.#storage("Drand", "LastStoredRound", [], at),
      this.#storage("Drand", "BeaconConfig", [], at),
    ]);
    return { lastStoredRound: Number(round), publicKey: fromHex((config as { publicKey: string }).publicKey) };
  }

  async pulse(round: number, at?: At): Promise<Uint8Array | null> {
    const found = (await this.#storage("Drand", "Pulses", [round], at)) as { signature: string } | null;
    return found === null ? null : fromHex(found.signature);
  }

  async nonceOf(address: string): Promise<number> {
    await publicKeyOf(address);
    return this.#ask((node) => this.#nonce(node, address));
  }

  async prepare(call: ChainCall, signer: string, { eraBlocks = ERA_BLOCKS } = {}): Promise<UnsignedExtrinsic> {
    await publicKeyOf(signer);
    return this.#ask(async (node) => {
      const [bestHash, finalizedHash] = await this.#tips(node);
      const [best, finalized, runtime, nonce] = await Promise.all([
        this.#header(node, bestHash),
        this.#header(node, finalizedHash),
        node.runtimeOn(bestHash),
        this.#nonce(node, signer),
      ]);
      runtime.checkExtensions();
      const method = await runtime.method(call);
      const isFinal = best.block - finalized.block <= MAX_ERA_LAG_BLOCKS;
      // A block that may still be undone would take the extrinsic's life with it.
      const birth =
        isFinal || best.block === 0
          ? { block: finalized.block, hash: finalizedHash }
          : { block: best.block - 1, hash: best.parentHash };
      const { era, firstBlock, lastBlock } = runtime.era(birth.block, eraBlocks);
      const signedExtensions = runtime.signedExtensions();
      const payload: SignerPayload = signerPayloadSchema.parse({
        address: signer,
        blockHash: birth.hash,
        blockNumber: hexNumber(birth.block, 4),
        era,
        genesisHash: this.genesisHash,
        method,
        nonce: hexNumber(nonce, 4),
        signedExtensions,
        specVersion: hexNumber(runtime.version.specVersion, 4),
        tip: "0x00",
        transactionVersion: hexNumber(runtime.version.transactionVersion, 4),
        version: 4,
        // 0: the metadata's hash is not part of what is signed.
        ...(signedExtensions.includes("CheckMetadataHash") ? { mode: 0 } : {}),
      });
      const unsignedBytes = runtime.signedExtrinsic(payload, Buffer.concat([Buffer.of(1), Buffer.alloc(64, 1)]));
      return {
        call,
        decoded: runtime.decoded(method),
        payload,
        signedBytes: toHex(runtime.signedBytes(payload)),
        byteCount: unsignedBytes.length,
        nonce,
        firstBlock,
        lastBlock,
        specVersion: runtime.version.specVersion,
        feeRao: await this.#fee(node, unsignedBytes),
      };
    });
  }

  assemble(unsigned: UnsignedExtrinsic, signed: Signed): Promise<AssembledExtrinsic> {
    return this.#ask(async (node) => {
      const [bestHash] = await this.#tips(node);
      const runtime = await node.runtimeOn(bestHash);
      const { payload } = unsigned;
      if (runtime.version.specVersion !== Number(payload.specVersion) || payload.genesisHash !== this.genesisHash) {
        throw new CrusaderError(
          "chain_refused",
          `What was signed is for the runtime ${Number(payload.specVersion)}, and the chain has ${runtime.version.specVersion} now.`,
          "Prepare it again, and sign that. Nothing was sent.",
        );
      }
      if ((await runtime.method(unsigned.call)) !== payload.method) {
        throw signatureRefused("What was signed is not the call that it was prepared for.");
      }
      const given =
        signed.kind === "extrinsic" ? pasted(runtime, signed.extrinsic, unsigned) : fromHex(signed.signature);
      const signature = await runtime.typedSignature(payload, given);
      if (signature === null) {
        throw signatureRefused(`That is no signature by ${payload.address} of what was to be signed.`);
      }
      const bytes = runtime.signedExtrinsic(payload, signature);
      const read = runtime.readExtrinsic(bytes, Number(payload.blockNumber));
      if (!isAsPrepared(read, unsigned))
        throw signatureRefused("The signed extrinsic says something else than was prepared.");
      if (signed.kind === "extrinsic" && toHex(bytes) !== signed.extrinsic.toLowerCase()) {
        throw signatureRefused("The signed extrinsic differs from what was prepared.");
      }
      return { extrinsic: toHex(bytes), hash: read.hash };
    });
  }

  readExtrinsic(extrinsic: string, nearBlock?: number): Promise<ReadExtrinsic> {
    return this.#ask(async (node) => {
      const [bestHash] = await this.#tips(node);
      const [best, runtime] = await Promise.all([this.#header(node, bestHash), node.runtimeOn(bestHash)]);
      const { era: _, signature: __, ...read } = runtime.readExtrinsic(hexBytes(extrinsic), nearBlock ?? best.block);
      return read;
    });
  }

  async *send(extrinsic: string, signal: AbortSignal | undefined): AsyncGenerator<SendUpdate> {
    const release = this.#link.hold();
    try {
      yield* this.#watchSent(extrinsic, signal);
    } finally {
      release();
    }
  }

  async *#watchSent(extrinsic: string, signal: AbortSignal | undefined): AsyncGenerator<SendUpdate> {
    const hash = toHex(blake2_256(hexBytes(extrinsic)));
    const node = await this.#link.use(signal).catch((error) => {
      throw chainError(error, this.endpoint);
    });
    let subscription: Subscription;
    try {
      subscription = await node.connection.subscribe(
        "author_submitAndWatchExtrinsic",
        "author_unwatchExtrinsic",
        [extrinsic],
        SEND_TIMEOUT_MS,
      );
    } catch (error) {
      yield refusedUpdate(error);
      return;
    }
    try {
      for await (const said of subscription.updates(signal)) {
        const update = await this.#sendUpdate(node, said, hash);
        if (update === null) continue;
        yield update;
        if (update.kind !== "ready" && update.kind !== "included" && update.kind !== "retracted") return;
      }
    } catch (error) {
      if (!(error instanceof NoAnswer) && !(error instanceof RpcRefusal) && !(error instanceof CrusaderError))
        throw error;
      yield { kind: "lost", message: error.message };
      return;
    } finally {
      subscription.stop();
    }
    if (signal?.aborted !== true) {
      yield { kind: "lost", message: "The node stopped telling what becomes of it." };
    }
  }

  async find(wanted: WantedExtrinsic): Promise<Found> {
    const signer = await publicKeyOf(wanted.signer);
    return this.#ask(async (node): Promise<Found> => {
      const [bestHash, finalizedHash] = await this.#tips(node);
      const [best, finalized] = await Promise.all([this.#header(node, bestHash), this.#header(node, finalizedHash)]);
      // Asked one after the other: blocks may have come between.
      const newest = Math.max(best.block, finalized.block);
      const last = Math.min(wanted.toBlock, newest);
      let isWhole = true;
      for (let first = Math.max(0, wanted.fromBlock); first <= last; first += BLOCKS_AT_ONCE) {
        const numbers = Array.from({ length: Math.min(BLOCKS_AT_ONCE, last - first + 1) }, (_, index) => first + index);
        const found = await Promise.all(numbers.map((block) => this.#positionIn(node, block, wanted.hash)));
        for (const position of found) {
          if (position === "no block") isWhole = false;
          if (position === null || position === "no block") continue;
          const isFinal = position.block <= finalized.block;
          return { kind: "included", inclusion: await this.#inclusion(node, position, isFinal) };
        }
      }
      const account = (await this.#read(node, "System", "Account", [signer], finalizedHash)) as { nonce: number };
      // Every block up to the finalized one was looked at, as far as it can be in one at all; or nothing is said of it.
      if (!isWhole) return { kind: "unknown" };
      if (account.nonce > wanted.nonce) return { kind: "gone", reason: "replaced" };
      if (finalized.block >= wanted.toBlock) return { kind: "gone", reason: "expired" };
      return { kind: (await this.#isPending(node, wanted.hash)) ? "pending" : "unknown" };
    });
  }

  eventsOf(blockHash: string, index: number): Promise<ChainEvent[]> {
    return this.#ask(async (node) => (await this.#events(node, blockHash, index)).events);
  }

  async stakeAddedBy(
    { blockHash, index }: Pick<Inclusion, "blockHash" | "index">,
    stake: { hotkey: string; coldkey: string; netuid: number },
  ): Promise<bigint> {
    const { parentHash } = await this.#ask((node) => this.#header(node, blockHash));
    const [before, after, events] = await Promise.all([
      this.stakeOf(stake, parentHash),
      this.stakeOf(stake, blockHash),
      this.eventsOf(blockHash, index),
    ]);
    const added = after - before;
    const told = events
      .filter(({ name }) => name === "SubtensorModule.StakeAdded")
      // The chain names none of its fields: coldkey, hotkey, TAO, alpha, netuid, fee.
      .find(
        ({ fields }) =>
          fields["0"] === stake.coldkey && fields["1"] === stake.hotkey && fields["4"] === `${stake.netuid}`,
      );
    const alpha = told === undefined ? 0n : BigInt(told.fields["3"] ?? 0);
    if (alpha <= 0n || added < alpha - alpha / MAX_ROUNDED_SHARE - 1n) {
      throw new CrusaderError(
        "chain_refused",
        "What the chain says of the new stake does not agree with its event.",
        "Look at the stake with another program before anything is transferred.",
        `Before ${before}, after ${after}, event ${told === undefined ? "none" : alpha}.`,
      );
    }
    // More came in by other ways; less is what rounding left.
    return added < alpha ? added : alpha;
  }

  async #ask<T>(work: (node: Established) => Promise<T>): Promise<T> {
    const release = this.#link.hold();
    try {
      return await this.#tryTwice(work);
    } finally {
      release();
    }
  }

  async #tryTwice<T>(work: (node: Established) => Promise<T>): Promise<T> {
    for (let isFirst = true; ; isFirst = false) {
      try {
        const node = await this.#link.use();
        try {
          return await work(node);
        } catch (error) {
          const isDropped = error instanceof NoAnswer && !error.isTimeout;
          if (!(isDropped && isFirst)) throw error;
        }
      } catch (error) {
        throw chainError(error, this.endpoint);
      }
    }
  }

  #storage(pallet: string, item: string, keys: readonly unknown[], at: At): Promise<unknown> {
    return this.#ask((node) => this.#read(node, pallet, item, keys, at));
  }

  async #read(node: Established, pallet: string, item: string, keys: readonly unknown[], at: At): Promise<unknown> {
    const runtime = await node.runtimeOf(at);
    const key = runtime.storageKey(pallet, item, keys);
    const said = await node.request("state_getStorage", at === undefined ? [key] : [key, at]);
    return runtime.storageValue(pallet, item, storedHex(said, this.endpoint));
  }

  async #tips(node: Established): Promise<[best: string, finalized: string]> {
    const [best, finalized] = await Promise.all([
      node.request("chain_getBlockHash", []),
      node.request("chain_getFinalizedHead", []),
    ]);
    return [hashOf(best, this.endpoint), hashOf(finalized, this.endpoint)];
  }

  async #header(node: Established, blockHash: string): Promise<{ block: number; parentHash: string }> {
    return headerOf(await node.request("chain_getHeader", [blockHash]), this.endpoint);
  }

  async #hashAt(node: Established, block: number): Promise<string | null> {
    const said = await node.request("chain_getBlockHash", [block]);
    return said === null ? null : hashOf(said, this.endpoint);
  }

  async #nonce(node: Established, address: string): Promise<number> {
    const said = await node.request("system_accountNextIndex", [address]);
    if (!Number.isSafeInteger(said) || (said as number) < 0) throw nonsense("an account", this.endpoint, said);
    return said as number;
  }

  async #fee(node: Established, extrinsic: Uint8Array): Promise<string | null> {
    try {
      const said = (await node.request("payment_queryInfo", [toHex(extrinsic)])) as { partialFee?: unknown } | null;
      const fee = String(said?.partialFee ?? "");
      return /^(?:\d+|0x[0-9a-f]+)$/.test(fee) ? BigInt(fee).toString() : null;
    } catch (error) {
      if (error instanceof RpcRefusal) return null;
      throw error;
    }
  }

  async #body(node: Established, blockHash: string): Promise<BlockBody> {
    const said = await node.request("chain_getBlock", [blockHash]);
    const { block } = (said ?? {}) as { block?: { header?: unknown; extrinsics?: unknown } };
    const extrinsics = block?.extrinsics;
    if (!Array.isArray(extrinsics) || !extrinsics.every((each) => typeof each === "string")) {
      throw nonsense("a block", this.endpoint, said);
    }
    return { block: headerOf(block?.header, this.endpoint).block, extrinsics };
  }

  async #positionIn(node: Established, block: number, hash: string) {
    const blockHash = await this.#hashAt(node, block);
    if (blockHash === null) return "no block";
    const position = await this.#positionAt(node, blockHash, hash);
    if (position !== null && position.block !== block) throw nonsense("a block", this.endpoint, position);
    return position;
  }

  async #positionAt(node: Established, blockHash: string, hash: string) {
    const { block, extrinsics } = await this.#body(node, blockHash);
    const index = extrinsics.findIndex((each) => toHex(blake2_256(fromHex(each))) === hash.toLowerCase());
    return index === -1 ? null : { block, blockHash, index };
  }

  async #events(node: Established, blockHash: string, index: number) {
    const runtime = await node.runtimeOf(blockHash);
    const said = await node.request("state_getStorage", [runtime.storageKey("System", "Events", []), blockHash]);
    return runtime.eventsOf(storedHex(said, this.endpoint), index);
  }

  async #inclusion(
    node: Established,
    position: { block: number; blockHash: string; index: number },
    finalized: boolean,
  ): Promise<Inclusion> {
    const { isSuccess, failure } = await this.#events(node, position.blockHash, position.index);
    if (isSuccess === (failure !== null)) throw nonsense("an extrinsic", this.endpoint, position);
    return { ...position, finalized, failure };
  }

  async #isPending(node: Established, hash: string): Promise<boolean> {
    try {
      const said = await node.request("author_pendingExtrinsics", []);
      return (
        Array.isArray(said) &&
        said.some((each) => typeof each === "string" && toHex(blake2_256(fromHex(each))) === hash)
      );
    } catch (error) {
      if (error instanceof RpcRefusal) return false;
      throw error;
    }
  }

  /** Null: nothing that matters. */
  async #sendUpdate(node: Established, said: unknown, hash: string): Promise<SendUpdate | null> {
    if (said === "ready" || said === "future") return { kind: "ready" };
    if (said === "invalid") return { kind: "dropped", message: "The node does not take it for valid any more." };
    if (said === "dropped") return { kind: "dropped", message: "The node's pool let it go." };
    const update = (typeof said === "object" && said !== null ? said : {}) as Record<string, unknown>;
    const blockHash = update.inBlock ?? update.finalized;
    if (blockHash !== undefined) {
      const position = await this.#positionAt(node, hashOf(blockHash, this.endpoint), hash);
      if (position === null) throw nonsense("an extrinsic", this.endpoint, said);
      const isFinal = update.finalized !== undefined;
      // What is final is what the chain has at that height; a payment is cited by it.
      const isThere = !isFinal || (await this.#hashAt(node, position.block)) === position.blockHash;
      if (!isThere) throw nonsense("a final block", this.endpoint, position);
      const inclusion = await this.#inclusion(node, position, isFinal);
      return { kind: isFinal ? "finalized" : "included", inclusion };
    }
    if (update.retracted !== undefined)
      return { kind: "retracted", blockHash: hashOf(update.retracted, this.endpoint) };
    if (update.usurped !== undefined) return { kind: "usurped", by: hashOf(update.usurped, this.endpoint) };
    if (update.finalityTimeout !== undefined)
      return { kind: "lost", message: "Its block was not finalized for a long time." };
    return null;
  }
}

function somebody(address: unknown): string | null {
  return address === NOBODY ? null : (address as string);
}

/** Alpha in the answer of the runtime API; null where it is none for that question. */
function stakeIn(hex: string, [hotkey, coldkey]: readonly [Uint8Array, Uint8Array], netuid: number): bigint | null {
  try {
    const reader = new ScaleReader(fromHex(hex));
    if (reader.byte() === 0) return 0n;
    const isOther = Buffer.compare(reader.take(32), hotkey) !== 0 || Buffer.compare(reader.take(32), coldkey) !== 0;
    return isOther || reader.compact() !== BigInt(netuid) ? null : reader.compact();
  } catch {
    return null;
  }
}

/** What a SCALE string says; null where the bytes are none. */
function scaleText(bytes: Uint8Array): string | null {
  try {
    const reader = new ScaleReader(bytes);
    const length = Number(reader.compact());
    const text = reader.take(length);
    return reader.isAtEnd ? new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(text) : null;
  } catch {
    return null;
  }
}

function hexNumber(value: number, bytes: number): string {
  return `0x${value.toString(16).padStart(2 * bytes, "0")}`;
}

/** `usage` for what is no hexadecimal. */
function hexBytes(hex: string): Uint8Array {
  if (!/^0x(?:[0-9a-f]{2})+$/i.test(hex)) {
    throw new CrusaderError("usage", "That is no extrinsic.", "It begins with 0x and has hexadecimal digits only.");
  }
  return fromHex(hex);
}

function signatureRefused(message: string): CrusaderError {
  return new CrusaderError(
    "signature_refused",
    message,
    "Sign what is shown, with the key that is named. Nothing was sent.",
  );
}

function isAsPrepared(read: ReturnType<Runtime["readExtrinsic"]>, { payload, nonce }: UnsignedExtrinsic): boolean {
  return (
    read.signer === payload.address &&
    read.nonce === nonce &&
    read.method === payload.method &&
    read.era === payload.era &&
    read.tipRao === BigInt(payload.tip)
  );
}

/** The signature in a whole extrinsic that somebody else put together. */
function pasted(runtime: Runtime, extrinsic: string, unsigned: UnsignedExtrinsic): Uint8Array {
  const read = runtime.readExtrinsic(hexBytes(extrinsic), Number(unsigned.payload.blockNumber));
  if (!isAsPrepared(read, unsigned)) {
    throw signatureRefused("The signed extrinsic says something else than was prepared.");
  }
  return read.signature;
}

const INVALID_TRANSACTION = 1010;
const TOO_LOW_PRIORITY = 1014;
/** It is in the pool already, or was not long ago. */
const ALREADY_KNOWN = [1012, 1013];

function refusedUpdate(error: unknown): SendUpdate {
  if (error instanceof NoAnswer)
    return { kind: "lost", message: `The node did not say whether it took it: ${error.message}.` };
  if (!(error instanceof RpcRefusal)) throw error;
  const message = `${error.message}${error.data === "" ? "" : `: ${error.data}`}`;
  if (ALREADY_KNOWN.includes(error.code)) return { kind: "lost", message };
  return { kind: "invalid", reason: refusalReason(error.code, error.data), message };
}

/** By the words of Substrate's transaction pool. */
function refusalReason(code: number, data: string): RefusalReason {
  if (code === TOO_LOW_PRIORITY || /outdated|stale/i.test(data)) return "nonce_taken";
  if (code !== INVALID_TRANSACTION) return "other";
  if (/bad signature|bad proof/i.test(data)) return "bad_signature";
  if (/ancient|birth block|era/i.test(data)) return "expired";
  if (/future/i.test(data)) return "nonce_too_high";
  if (/pay some fees|balance too low|payment/i.test(data)) return "cannot_pay";
  return "other";
}
