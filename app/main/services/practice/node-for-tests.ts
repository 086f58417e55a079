/** For tests: a node by hand, a connection to it, and extrinsics as a client makes them. */
import { Metadata, TypeRegistry } from "@polkadot/types";
import type { EventRecord } from "@polkadot/types/interfaces";
import { onTestFinished } from "vitest";
import { WebSocket } from "ws";
import { QUICKNET } from "../timelock/index.ts";
import { PulsingBeacon } from "./beacon.ts";
import { type PracticeKey, PracticeNode, type PracticeNodeOptions } from "./index.ts";
import { bytes, compact, join, option, u8, u16, u32, u64 } from "./scale.ts";
import { blake2_256, KEYS } from "./storage-keys.ts";

type Answer = { result?: unknown; error?: { code: number; message: string; data?: unknown } };

/** JSON-RPC without a client library's help. */
export class Connection {
  readonly #socket: WebSocket;
  readonly #answers = new Map<number, (answer: Answer) => void>();
  readonly #heard = new Map<string, unknown[]>();
  readonly #waiting = new Set<() => void>();
  #count = 0;

  static async to(endpoint: string): Promise<Connection> {
    const socket = new WebSocket(endpoint);
    await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
    return new Connection(socket);
  }

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (data) => {
      const message = JSON.parse(String(data));
      if (message.params === undefined) this.#answers.get(message.id)?.(message);
      else {
        const { subscription, result } = message.params;
        this.#heard.set(subscription, [...(this.#heard.get(subscription) ?? []), result]);
        for (const look of this.#waiting) look();
      }
    });
  }

  get closed(): Promise<void> {
    return new Promise((resolve) => this.#socket.once("close", () => resolve()));
  }

  ask(method: string, ...params: unknown[]): Promise<Answer> {
    const id = ++this.#count;
    const answer = new Promise<Answer>((resolve) => this.#answers.set(id, resolve));
    this.#socket.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
    return answer;
  }

  /** The result; throws where there is an error instead. */
  async call(method: string, ...params: unknown[]): Promise<unknown> {
    const { result, error } = await this.ask(method, ...params);
    if (error !== undefined) throw new Error(`${error.message}: ${error.data}`);
    return result;
  }

  /** What a subscription has told, once that is so much. */
  async told(subscription: unknown, count: number): Promise<unknown[]> {
    const id = String(subscription);
    await new Promise<void>((resolve) => {
      const look = () => {
        if ((this.#heard.get(id)?.length ?? 0) < count) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
    return this.#heard.get(id) ?? [];
  }

  sendText(text: string): void {
    this.#socket.send(text);
  }

  close(): void {
    this.#socket.close();
  }
}

/** drand's quicknet itself, of whose pulses those arrive that were recorded. */
export class RecordedQuicknet extends PulsingBeacon {
  readonly #signatures: ReadonlyMap<number, Uint8Array>;

  constructor(signatures: ReadonlyMap<number, Uint8Array>) {
    super(QUICKNET);
    this.#signatures = signatures;
  }

  signatureOf(round: number): Uint8Array | null {
    return this.#signatures.get(round) ?? null;
  }
}

/** A node whose blocks are made by hand, 12 s after each other, and a connection. */
export async function startedNode(options: PracticeNodeOptions = {}) {
  const node = await PracticeNode.start({ paced: false, secondsPerBlock: 12, ...options });
  onTestFinished(() => node.stop());
  const connection = await Connection.to(node.endpoint);
  onTestFinished(() => connection.close());
  return { node, connection };
}

export const CALLS = {
  remark: () => join(Buffer.of(0, 0), bytes(Buffer.from("a remark"))),
  transfer: (to: PracticeKey, rao: bigint) => join(Buffer.of(5, 3, 0), to.publicKey, compact(rao)),
  addStake: (hotkey: PracticeKey, rao: bigint, netuid = 3) =>
    join(Buffer.of(7, 2), hotkey.publicKey, u16(netuid), u64(rao)),
  transferStake: (to: PracticeKey, hotkey: PracticeKey, alpha: bigint) =>
    join(Buffer.of(7, 86), to.publicKey, hotkey.publicKey, u16(3), u16(3), u64(alpha)),
  commitment: (encrypted: Uint8Array, round: number) =>
    join(Buffer.of(18, 0), u16(3), compact(1), u8(134), bytes(encrypted), u64(round)),
};

export type SigningOptions = {
  nonce?: number;
  /** Blocks; null: no end. */
  eraBlocks?: number | null;
  tip?: bigint;
  specVersion?: number;
  genesisHash?: string;
  birthHash?: string;
};

/** A signed extrinsic as hexadecimal digits, its era beginning with the newest block. */
export function signed(node: PracticeNode, key: PracticeKey, call: Uint8Array, options: SigningOptions = {}): string {
  const { nonce = 0, eraBlocks = 64, tip = 0n } = options;
  const { specVersion = node.chain.rules.specVersion, genesisHash = node.chain.genesisHash } = options;
  const phase = eraBlocks === null ? 0 : node.chain.head.number % eraBlocks;
  const era = eraBlocks === null ? Buffer.of(0) : u16(Math.log2(eraBlocks) - 1 + (phase << 4));
  const { birthHash = eraBlocks === null ? genesisHash : node.chain.head.hash } = options;
  const extra = join(era, compact(nonce), compact(tip), Buffer.of(0));
  const payload = join(
    call,
    extra,
    u32(specVersion),
    u32(1),
    Buffer.from(genesisHash, "hex"),
    Buffer.from(birthHash, "hex"),
    option(null),
  );
  const signature = key.sign(payload.length > 256 ? blake2_256(payload) : payload);
  const scheme = key.scheme === "ed25519" ? 0 : 1;
  const body = join(u8(0x84), u8(0), key.publicKey, u8(scheme), signature, extra, call);
  return `0x${bytes(body).toString("hex")}`;
}

/** Types as a client has them that goes by this metadata. */
export function registryFor(encoded: `0x${string}` | Uint8Array): TypeRegistry {
  const registry = new TypeRegistry();
  const empty = { extrinsic: {}, payload: {} };
  const ofSubtensor = { SubtensorTransactionExtension: empty, DrandPriority: empty };
  registry.setMetadata(new Metadata(registry, encoded), undefined, ofSubtensor);
  return registry;
}

/** What happened in the newest block, as a client reads it: phase, name and values of each event. */
export async function eventsIn(node: PracticeNode, connection: Connection): Promise<unknown[][]> {
  const registry = registryFor((await connection.call("state_getMetadata")) as `0x${string}`);
  const stored = node.chain.state.get(KEYS.events());
  const records = registry.createType("Vec<EventRecord>", stored) as unknown as Iterable<EventRecord>;
  return [...records].map(({ phase, event: { method, data } }) => [
    phase.isApplyExtrinsic ? phase.asApplyExtrinsic.toNumber() : phase.type,
    method,
    ...(method.startsWith("Extrinsic") && method !== "ExtrinsicFailed" ? [] : (data.toJSON() as unknown[])),
  ]);
}

export function freeRao(node: PracticeNode, { publicKey }: PracticeKey): bigint {
  return node.chain.state.get(KEYS.account(publicKey))?.readBigUInt64LE(16) ?? 0n;
}
