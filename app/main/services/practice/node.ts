/** A node of the practice network in this process: one chain, its clock, and the door for clients, on 127.0.0.1. */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join as joinPath } from "node:path";
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
import { CrusaderError, type ErrorReport } from "../../../common/errors.ts";
import type { Beacon } from "../timelock/index.ts";
import { PracticeBeacon, type PulsingBeacon } from "./beacon.ts";
import { type Block, type ChainFaults, genesisBlock, type KeptBlock, PracticeChain } from "./chain.ts";
import { type ChainBasics, ChainFile } from "./chain-file.ts";
import { HOSTED_FOLDER } from "./folder.ts";
import { HostedFiles } from "./hosted-files.ts";
import { encodeMetadata, type MetadataFormat } from "./metadata.ts";
import { type RpcFaults, serveRpc } from "./rpc.ts";
import { genesisState } from "./runtime.ts";
import { join, text, u8, u32, vector } from "./scale.ts";
import { blake2_256, KEYS } from "./storage-keys.ts";

/** What a test makes the node do that no good node does; changed while it runs. */
export type PracticeFaults = ChainFaults &
  RpcFaults & {
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
  /** Of its own beacon. */
  secondsPerRound?: number;
  /** Instead of its own; for a chain that is not kept. */
  beacon?: PulsingBeacon | null;
  /** Blocks behind the newest that the newest final one is. */
  finalityLag?: number;
  tempo?: number;
  netuid?: number;
  faults?: Partial<PracticeFaults>;
  /** Where the chain and its files are kept, and gone on with by the next start; null: in memory alone. */
  folder?: string | null;
  /** What another process may ask of this one. */
  control?: Control | null;
};

export type Control = {
  /** Who has it may ask. */
  token: string;
  /** Takes what the other one sent, as JSON; what it throws is told. */
  handle: (action: string, input: unknown) => Promise<unknown>;
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
  readonly files: HostedFiles;
  readonly #control: Control | null;
  readonly #server: Server;
  readonly #sockets: WebSocketServer;
  readonly #versionListeners = new Set<() => void>();
  #timer: NodeJS.Timeout | null = null;
  #problem: CrusaderError | null = null;
  readonly #encodedMetadata = new Map<MetadataFormat, { of: string; bytes: Buffer }>();

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
    beacon = null,
    finalityLag = DEFAULT_FINALITY_LAG,
    tempo = DEFAULT_TEMPO,
    netuid = DEFAULT_NETUID,
    faults = {},
    folder = null,
    control = null,
  }: PracticeNodeOptions) {
    this.secondsPerBlock = secondsPerBlock;
    this.faults = { ...NO_FAULTS, ...faults };
    this.owner = { hotkey: practiceKey("owner hotkey"), coldkey: practiceKey("owner coldkey") };
    this.burn = { hotkey: practiceKey("burn hotkey"), coldkey: practiceKey("burn coldkey") };
    this.files = new HostedFiles(folder === null ? null : joinPath(folder, HOSTED_FOLDER));
    this.#control = control;
    const file = folder === null ? null : new ChainFile(folder);
    const kept = file?.read() ?? null;
    const { basics, blocks } = kept ?? this.#newChain({ secondsPerRound, beacon, tempo, netuid });
    const [genesis] = blocks;
    if (genesis === undefined) throw new Error("a chain has a first block");
    this.netuid = basics.netuid;
    const { secret, ...pace } = basics.beacon;
    this.chain = new PracticeChain({
      genesis: genesis.block,
      beacon: beacon ?? new PracticeBeacon({ secret: BigInt(`0x${secret}`), ...pace }),
      rules: { specVersion: FIRST_SPEC_VERSION, transactionVersion: TRANSACTION_VERSION, finalityLag },
      faults: this.faults,
    });
    for (const block of blocks) this.chain.restore(block);
    if (file !== null) {
      file.write(basics, this.chain.kept());
      let appended = 0;
      this.chain.listen({
        imported: (block) => {
          appended += 1;
          this.#keep(() => file.append(block));
        },
        best: () => {
          if (appended < BLOCKS_APPENDED) return;
          appended = 0;
          this.#keep(() => file.write(basics, this.chain.kept()));
        },
      });
    }
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch(() => response.destroy());
    });
    this.#sockets = new WebSocketServer({
      server: this.#server,
      maxPayload: MAX_MESSAGE_BYTES,
      verifyClient: ({ req }: { req: IncomingMessage }) => isFromProgram(req),
    });
    // It repeats the server's errors, and without anybody to hear one it ends the process: `start` hears them.
    this.#sockets.on("error", () => undefined);
    this.#sockets.on("connection", (socket) =>
      serveRpc(socket, {
        chain: this.chain,
        faults: this.faults,
        chainName: "Crusader practice network",
        metadata: (format) => this.#metadata(format),
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

  /** Where its files lie. */
  get filesOrigin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** What stands in the way of keeping the chain; null where nothing does. */
  get problem(): CrusaderError | null {
    return this.#problem;
  }

  /** The address of a file from now on. Throws `disk_full`, `data_folder`. */
  publish(content: Uint8Array): string {
    return this.filesOrigin + this.files.put(content);
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
    const closed = new Promise((resolve) => this.#server.close(resolve));
    // An answer that is on its way gets there; who says nothing is not waited for.
    const timer = setTimeout(() => this.#server.closeAllConnections(), ENDING_MS);
    await closed;
    clearTimeout(timer);
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

  #newChain({
    secondsPerRound,
    beacon,
    tempo,
    netuid,
  }: Required<Pick<PracticeNodeOptions, "secondsPerRound" | "beacon" | "tempo" | "netuid">>): {
    basics: ChainBasics;
    blocks: KeptBlock[];
  } {
    const timestampMs = Date.now() + this.faults.clockOffsetMs;
    const secret = bls12_381.fields.Fr.create(BigInt(`0x${randomBytes(48).toString("hex")}`));
    const pace = {
      genesisSeconds: Math.floor(timestampMs / 1000) - ROUNDS_BEFORE * secondsPerRound,
      periodSeconds: secondsPerRound,
    };
    const accounts = (pair: { hotkey: PracticeKey; coldkey: PracticeKey }) => ({
      hotkey: Buffer.from(pair.hotkey.publicKey),
      coldkey: Buffer.from(pair.coldkey.publicKey),
    });
    const state = genesisState({
      netuid,
      tempo,
      subnetTaoRao: POOL_TAO_RAO,
      subnetAlpha: POOL_ALPHA,
      neurons: [accounts(this.owner), accounts(this.burn)],
      funds: [{ who: Buffer.from(this.owner.coldkey.publicKey), rao: TAO }],
      timestampMs,
      beacon: beacon ?? new PracticeBeacon({ secret, ...pace }),
    });
    const basics = { beacon: { secret: secret.toString(16).padStart(64, "0"), ...pace }, netuid };
    return { basics, blocks: [genesisBlock(state, timestampMs)] };
  }

  /** A disk that is full ends no chain: it goes on in memory, and says so. */
  #keep(write: () => void): void {
    if (this.#problem !== null) return;
    try {
      write();
    } catch (error) {
      if (!(error instanceof CrusaderError)) throw error;
      this.#problem = error;
    }
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method, url = "" } = request;
    const action = /^\/control\/([a-z]+)$/i.exec(url)?.[1];
    if (method === "POST" && action !== undefined && this.#control !== null && isFromProgram(request)) {
      const { token, handle } = this.#control;
      if (!isSameText(request.headers.authorization ?? "", `Bearer ${token}`)) {
        response.writeHead(403).end();
        return;
      }
      const input: unknown = JSON.parse(await bodyOf(request));
      const answer = await handle(action, input).then(
        (result) => ({ result: result ?? null }),
        (error: unknown) => ({ error: reportOf(error) }),
      );
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer));
      return;
    }
    const content = method === "GET" || method === "HEAD" ? this.files.get(url) : null;
    if (content === null) response.writeHead(404, HEADERS).end("There is nothing here.\n");
    else response.writeHead(200, HEADERS).end(method === "HEAD" ? undefined : content);
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

  #metadata(format: MetadataFormat): Buffer {
    const { unknownExtensions, callIndexOffset } = this.faults;
    const of = JSON.stringify([this.chain.rules.specVersion, unknownExtensions, callIndexOffset]);
    const known = this.#encodedMetadata.get(format);
    if (known?.of === of) return known.bytes;
    const encoded = encodeMetadata({
      format,
      version: this.#version(),
      beaconConfiguration: this.chain.beacon.configuration(),
      unknownExtensions,
      callIndexOffset,
    });
    this.#encodedMetadata.set(format, { of, bytes: encoded });
    return encoded;
  }
}

/** What of the runtime's API is answered, with its version. */
const RUNTIME_APIS: readonly (readonly [string, number])[] = [
  ["Core", 5],
  ["Metadata", 2],
  ["AccountNonceApi", 1],
  ["TransactionPaymentApi", 4],
  ["StakeInfoRuntimeApi", 1],
  ["SwapRuntimeApi", 1],
];

const ENDING_MS = 500;
/** Then its file is written anew, shorter: the values of old blocks go. */
const BLOCKS_APPENDED = 20_000;
/** A file of the largest size that is submitted, as base64, fits. */
const MAX_MESSAGE_BYTES = 1024 * 1024;

const NO_FAULTS: PracticeFaults = {
  finalityStopped: false,
  pulsesStopped: false,
  poolHeld: false,
  headsMuted: false,
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

const HEADERS = { "content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff" };

/** Pages in browsers say where they are from, or name this machine as another; neither has anything to do here. */
function isFromProgram({ headers }: IncomingMessage): boolean {
  return headers.origin === undefined && /^(?:127\.0\.0\.1|localhost)(?::\d+)?$/.test(headers.host ?? "");
}

function isSameText(left: string, right: string): boolean {
  const digest = (value: string) => createHash("sha256").update(value).digest();
  return timingSafeEqual(digest(left), digest(right));
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let byteCount = 0;
  for await (const chunk of request) {
    byteCount += chunk.length;
    if (byteCount > MAX_MESSAGE_BYTES) throw new Error("the request is too large");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function reportOf(error: unknown): ErrorReport {
  return error instanceof CrusaderError
    ? error.report()
    : { code: "internal", message: "The practice network failed.", hint: "", detail: String(error) };
}

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
