/** A node of the practice network in this process: one chain, its clock, and the door for clients, on 127.0.0.1. */
import { randomBytes } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { bls12_381 } from "@noble/curves/bls12-381.js";
import { blake2b } from "@noble/hashes/blake2.js";
import {
  ed25519PairFromSeed,
  ed25519Sign,
  encodeAddress,
  sr25519PairFromSeed,
  sr25519Sign,
} from "@polkadot/util-crypto";
import { WebSocketServer } from "ws";
import type { Beacon } from "../timelock/index.ts";
import { PracticeBeacon } from "./beacon.ts";
import { type Block, type ChainFaults, PracticeChain } from "./chain.ts";
import { encodeMetadata } from "./metadata.ts";
import { type RpcFaults, serveRpc } from "./rpc.ts";
import { genesisState } from "./runtime.ts";
import { join, text, u8, u32, vector } from "./scale.ts";
import { blake2_256, KEYS } from "./storage-keys.ts";

/** What a test makes the node do that no good node does; changed while it runs. */
export type PracticeFaults = ChainFaults &
  RpcFaults & {
    /** Names of signed extensions that no client knows and that are not empty; from the next start of a client on. */
    unknownExtensions: readonly string[];
    /** Put upon the index of `set_commitment` in the metadata. */
    callIndexOffset: number;
    /** Added to the time that blocks say. */
    clockOffsetMs: number;
    /** No more blocks. */
    stuck: boolean;
  };

export type PracticeNodeOptions = {
  /** 0: any free one. */
  port?: number;
  secondsPerBlock?: number;
  /** False: blocks come by `mine()` alone, each `secondsPerBlock` after the one before. */
  paced?: boolean;
  /** Of the beacon. */
  secondsPerRound?: number;
  /** Blocks behind the newest that the newest final one is. */
  finalityLag?: number;
  tempo?: number;
  netuid?: number;
  faults?: Partial<PracticeFaults>;
};

/** An account of the practice network, with its secret. */
export type PracticeKey = {
  address: string;
  publicKey: Uint8Array;
  seed: Uint8Array;
  scheme: "sr25519" | "ed25519";
  /** 64 bytes; the message as it is. */
  sign: (message: Uint8Array) => Uint8Array;
};

export type PracticeMiner = { hotkey: PracticeKey; coldkey: PracticeKey; uid: number };

const DEFAULT_SECONDS_PER_BLOCK = 2;
const DEFAULT_SECONDS_PER_ROUND = 3;
const DEFAULT_FINALITY_LAG = 2;
const DEFAULT_TEMPO = 360;
const DEFAULT_NETUID = 3;
const FIRST_SPEC_VERSION = 343;
const TRANSACTION_VERSION = 1;
/** Rounds that the beacon had before the chain began. */
const ROUNDS_BEFORE = 1000;
const TAO = 1_000_000_000n;
const POOL_TAO_RAO = 25_000n * TAO;
/** So that alpha is worth about 0.04 TAO. */
const POOL_ALPHA = 625_000n * TAO;
const DEFAULT_MINER_RAO = 10n * TAO;

export class PracticeNode {
  readonly chain: PracticeChain;
  readonly faults: PracticeFaults;
  readonly secondsPerBlock: number;
  readonly netuid: number;
  /** Who was there from the beginning: uid 0, and uid 1, whose stake fees become. */
  readonly owner: { hotkey: PracticeKey; coldkey: PracticeKey };
  readonly burn: { hotkey: PracticeKey; coldkey: PracticeKey };
  readonly #server: Server;
  readonly #sockets: WebSocketServer;
  readonly #versionListeners = new Set<() => void>();
  #timer: NodeJS.Timeout | null = null;
  #encodedMetadata: { of: string; bytes: Buffer } | null = null;

  static async start(options: PracticeNodeOptions = {}): Promise<PracticeNode> {
    const node = new PracticeNode(options);
    await new Promise<void>((resolve, reject) => {
      node.#server.once("error", reject);
      node.#server.listen(options.port ?? 0, "127.0.0.1", resolve);
    });
    if (options.paced !== false) node.#pace();
    return node;
  }

  private constructor({
    secondsPerBlock = DEFAULT_SECONDS_PER_BLOCK,
    secondsPerRound = DEFAULT_SECONDS_PER_ROUND,
    finalityLag = DEFAULT_FINALITY_LAG,
    tempo = DEFAULT_TEMPO,
    netuid = DEFAULT_NETUID,
    faults = {},
  }: PracticeNodeOptions) {
    this.secondsPerBlock = secondsPerBlock;
    this.netuid = netuid;
    this.faults = { ...NO_FAULTS, ...faults };
    this.owner = { hotkey: practiceKey("owner hotkey"), coldkey: practiceKey("owner coldkey") };
    this.burn = { hotkey: practiceKey("burn hotkey"), coldkey: practiceKey("burn coldkey") };
    const genesisTimeMs = Date.now() + this.faults.clockOffsetMs;
    const beacon = new PracticeBeacon({
      secret: bls12_381.fields.Fr.create(BigInt(`0x${randomBytes(48).toString("hex")}`)),
      genesisSeconds: Math.floor(genesisTimeMs / 1000) - ROUNDS_BEFORE * secondsPerRound,
      periodSeconds: secondsPerRound,
    });
    const accounts = (pair: { hotkey: PracticeKey; coldkey: PracticeKey }) => ({
      hotkey: Buffer.from(pair.hotkey.publicKey),
      coldkey: Buffer.from(pair.coldkey.publicKey),
    });
    this.chain = new PracticeChain({
      genesisState: genesisState({
        netuid,
        tempo,
        subnetTaoRao: POOL_TAO_RAO,
        subnetAlpha: POOL_ALPHA,
        neurons: [accounts(this.owner), accounts(this.burn)],
        funds: [{ who: Buffer.from(this.owner.coldkey.publicKey), rao: TAO }],
        timestampMs: genesisTimeMs,
        beacon,
      }),
      genesisTimeMs,
      beacon,
      rules: { specVersion: FIRST_SPEC_VERSION, transactionVersion: TRANSACTION_VERSION, finalityLag },
      faults: this.faults,
    });
    this.#server = createServer((_, response) => response.writeHead(404).end());
    this.#sockets = new WebSocketServer({ server: this.#server, maxPayload: MAX_MESSAGE_BYTES });
    this.#sockets.on("connection", (socket) =>
      serveRpc(socket, {
        chain: this.chain,
        faults: this.faults,
        chainName: "Crusader practice network",
        metadata: () => this.#metadata(),
        version: () => this.#version(),
        onVersion: (listener) => {
          this.#versionListeners.add(listener);
          return () => this.#versionListeners.delete(listener);
        },
      }),
    );
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get endpoint(): string {
    return `ws://127.0.0.1:${this.port}`;
  }

  get beacon(): Beacon {
    return this.chain.beacon;
  }

  /** Makes so many blocks at once, and returns the newest. */
  mine(count = 1): Block {
    for (let block = 0; block < count; block += 1) this.chain.produce(this.#nextTimeMs());
    return this.chain.head;
  }

  /** Replaces the newest `depth` blocks by `depth + 1` without what was in them, which waits again. */
  fork(depth = 1): void {
    this.chain.fork(depth, this.#nextTimeMs());
  }

  /** A runtime of another version from the next block on; what is signed for the old one is not valid any more. */
  upgrade(specVersion = this.chain.rules.specVersion + 1): void {
    this.chain.rules.specVersion = specVersion;
    this.chain.revalidate();
    for (const listener of this.#versionListeners) listener();
  }

  /** Breaks all connections; new ones are taken. */
  breakConnections(): void {
    for (const socket of this.#sockets.clients) socket.terminate();
  }

  /**
   * A miner with new keys, registered, its coldkey with that much. By hand, one block is made for it; else it takes until the
   * next block.
   */
  async createMiner({
    rao = DEFAULT_MINER_RAO,
    scheme = "sr25519",
  }: {
    rao?: bigint;
    scheme?: PracticeKey["scheme"];
  } = {}): Promise<PracticeMiner> {
    const [hotkey, coldkey] = [randomKey(scheme), randomKey(scheme)];
    const uid = await this.admit({ hotkey: hotkey.publicKey, coldkey: coldkey.publicKey, rao });
    return { hotkey, coldkey, uid };
  }

  /** Funds a coldkey and registers a hotkey of it; its uid. */
  async admit(who: { hotkey: Uint8Array; coldkey: Uint8Array; rao: bigint }): Promise<number> {
    const [hotkey, coldkey] = [Buffer.from(who.hotkey), Buffer.from(who.coldkey)];
    this.chain.intervene({ kind: "fund", who: coldkey, rao: who.rao });
    this.chain.intervene({ kind: "register", netuid: this.netuid, hotkey, coldkey });
    const done = new Promise<void>((resolve) => {
      const stop = this.chain.listen({
        best: () => {
          stop();
          resolve();
        },
      });
    });
    if (this.#timer === null) this.mine();
    await done;
    return this.chain.state.get(KEYS.uids(this.netuid, hotkey))?.readUInt16LE() ?? 0;
  }

  async stop(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.breakConnections();
    await new Promise((resolve) => this.#sockets.close(resolve));
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #pace(): void {
    this.#timer = setTimeout(() => {
      if (!this.faults.stuck)
        this.chain.produce(Math.max(Date.now() + this.faults.clockOffsetMs, this.chain.head.timestampMs + 1));
      this.#pace();
    }, this.secondsPerBlock * 1000);
  }

  #nextTimeMs(): number {
    return this.chain.head.timestampMs + Math.round(this.secondsPerBlock * 1000);
  }

  #version(): Buffer {
    return join(
      text("node-subtensor"),
      text("node-subtensor"),
      u32(1),
      u32(this.chain.rules.specVersion),
      u32(1),
      vector(RUNTIME_APIS.map(([name, version]) => join(blake2_64(name), u32(version)))),
      u32(this.chain.rules.transactionVersion),
      u8(1),
    );
  }

  #metadata(): Buffer {
    const { unknownExtensions, callIndexOffset } = this.faults;
    const of = JSON.stringify([this.chain.rules.specVersion, unknownExtensions, callIndexOffset]);
    if (this.#encodedMetadata?.of !== of) {
      const metadata = encodeMetadata({
        version: this.#version(),
        beaconConfiguration: this.chain.beacon.configuration(),
        unknownExtensions,
        callIndexOffset,
      });
      this.#encodedMetadata = { of, bytes: metadata };
    }
    return this.#encodedMetadata.bytes;
  }
}

/** What of the runtime's API is answered, with its version. */
const RUNTIME_APIS: readonly (readonly [string, number])[] = [
  ["Core", 5],
  ["Metadata", 2],
  ["AccountNonceApi", 1],
  ["TransactionPaymentApi", 4],
  ["StakeInfoRuntimeApi", 1],
];

const MAX_MESSAGE_BYTES = 1024 * 1024;

const NO_FAULTS: PracticeFaults = {
  finalityStopped: false,
  pulsesStopped: false,
  poolHeld: false,
  unknownExtensionBytes: 0,
  answerDelayMs: 0,
  silent: false,
  toldGenesisHash: null,
  missingMethods: [],
  breaksAfterSubmit: false,
  mutedAfterSubmit: false,
  losesExtrinsics: false,
  peers: 8,
  isSyncing: false,
  unknownExtensions: [],
  callIndexOffset: 0,
  clockOffsetMs: 0,
  stuck: false,
};

function blake2_64(name: string): Buffer {
  return Buffer.from(blake2b(Buffer.from(name), { dkLen: 8 }));
}

function randomKey(scheme: PracticeKey["scheme"]): PracticeKey {
  return keyOfSeed(randomBytes(32), scheme);
}

/** The same in every practice network, and no secret. */
function practiceKey(name: string): PracticeKey {
  return keyOfSeed(blake2_256(Buffer.from(`Crusader practice network: ${name}`)), "sr25519");
}

export function keyOfSeed(seed: Uint8Array, scheme: PracticeKey["scheme"]): PracticeKey {
  const pair = scheme === "sr25519" ? sr25519PairFromSeed(seed) : ed25519PairFromSeed(seed);
  return {
    address: encodeAddress(pair.publicKey, 42),
    publicKey: pair.publicKey,
    seed,
    scheme,
    sign: (message) => (scheme === "sr25519" ? sr25519Sign(message, pair) : ed25519Sign(message, pair)),
  };
}
