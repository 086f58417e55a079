/**
 * The practice network of one data folder: `practice/` holds its chain, files and throwaway wallets. One process runs it, by a
 * lock that the operating system frees; others find it by `node.json` and ask it over 127.0.0.1, with the token that is in there.
 */
import { randomBytes } from "node:crypto";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { CrusaderError, errorReportSchema } from "../../../common/errors.ts";
import {
  DEFAULT_SECONDS_PER_BLOCK,
  type PracticeMiner,
  type PracticeStatus,
  secondsPerBlockSchema,
} from "../../../common/practice.ts";
import { tryLockFile } from "../locks/index.ts";
import { ensureFolder, JsonFile } from "../storage/index.ts";
import { Revision } from "../streams/index.ts";
import type { Beacon } from "../timelock/index.ts";
import { writeThrowawayWallet } from "../wallets/index.ts";
import { CHAIN_FILE, HOSTED_FOLDER, practiceFolder, practiceWalletsFolder } from "./folder.ts";
import type { PracticeNode } from "./node.ts";

const runningSchema = z.object({
  running: z
    .object({
      port: z.number().int(),
      token: z.string(),
      secondsPerBlock: secondsPerBlockSchema,
      netuid: z.number().int(),
      genesisHash: z.string(),
      beacon: z.object({ publicKey: z.string(), genesisSeconds: z.number(), periodSeconds: z.number() }),
    })
    .nullable(),
  /** Kept, so that addresses of files stay right over a restart. */
  port: z.number().int(),
  secondsPerBlock: secondsPerBlockSchema,
});
type Running = NonNullable<z.infer<typeof runningSchema>["running"]>;

const heightSchema = z.object({
  block: z.number(),
  finalizedBlock: z.number(),
  round: z.number(),
  problem: errorReportSchema.nullable(),
});
type Height = z.infer<typeof heightSchema>;

export type PracticePlace = {
  endpoint: string;
  filesOrigin: string;
  /** 0x and digits. */
  genesisHash: string;
  beacon: Beacon;
  secondsPerBlock: number;
};

export type PracticeServiceOptions = {
  dataFolder: string;
  /** Between two looks at what another process does, in milliseconds. */
  lookEveryMs?: number;
};

const ASK_TIMEOUT_MS = 5000;
/** A block is waited for. */
const ADMIT_TIMEOUT_MS = 30_000;
const MINER_RAO = 10_000_000_000n;
const TOKEN_BYTES = 24;

const NOT_RUNNING = new CrusaderError(
  "not_found",
  "The practice network is not running.",
  "Start it: in the panel Submit, or with `crusader practice start`.",
);
const IN_USE = new CrusaderError(
  "busy",
  "Another process holds the practice network, and does not answer or has just started it.",
  "End that process, or stop it there first.",
);
const LOCK_WITHIN_MS = 15_000;
const LOCK_RETRY_MS = 50;

export class PracticeService {
  readonly #folder: string;
  readonly #walletsFolder: string;
  readonly #lockPath: string;
  readonly #lookEveryMs: number;
  readonly #file: JsonFile<z.infer<typeof runningSchema>>;
  readonly #changed = new Revision();
  #own: { node: PracticeNode; release: () => void } | null = null;
  /** One start or stop at a time. */
  #work: Promise<unknown> = Promise.resolve();

  constructor({ dataFolder, lookEveryMs = 1000 }: PracticeServiceOptions) {
    this.#folder = practiceFolder(dataFolder);
    this.#walletsFolder = practiceWalletsFolder(dataFolder);
    this.#lockPath = join(this.#folder, "node.lock");
    this.#lookEveryMs = lookEveryMs;
    this.#file = new JsonFile({
      path: join(this.#folder, "node.json"),
      schema: runningSchema,
      version: 1,
      initial: () => ({ running: null, port: 0, secondsPerBlock: DEFAULT_SECONDS_PER_BLOCK }),
    });
  }

  /** How a client reaches it, also where another process runs it; null where nobody does. Throws `data_folder`. */
  place(): PracticePlace | null {
    const running = this.#found();
    if (running === null) return null;
    const { port, beacon, secondsPerBlock, genesisHash } = running;
    return {
      genesisHash,
      endpoint: `ws://127.0.0.1:${port}`,
      filesOrigin: `http://127.0.0.1:${port}`,
      beacon: { ...beacon, publicKey: Buffer.from(beacon.publicKey, "hex") },
      secondsPerBlock,
    };
  }

  async status(): Promise<PracticeStatus> {
    const running = this.#found();
    const height = running === null ? null : await this.#heightOf(running);
    const hasChain = existsSync(join(this.#folder, CHAIN_FILE));
    if (running === null || height === null) return { ...STOPPED, hasChain };
    const { port, secondsPerBlock, netuid } = running;
    return {
      state: "running",
      isOwn: this.#own !== null,
      endpoint: `ws://127.0.0.1:${port}`,
      filesOrigin: `http://127.0.0.1:${port}`,
      secondsPerBlock,
      netuid,
      ...height,
      hasChain,
    };
  }

  /** How it stands, and again whenever that changed: with each block. */
  async *watch(signal: AbortSignal | undefined): AsyncGenerator<PracticeStatus> {
    for (let shown = ""; signal?.aborted !== true; ) {
      const seen = this.#changed.number;
      const status = await this.status();
      const now = JSON.stringify(status);
      if (now !== shown) yield status;
      shown = now;
      await this.#changed.next(seen, signal, this.#lookEveryMs);
    }
  }

  /**
   * Goes on with the chain there is, or begins one. Where another process runs it, that stays so. Null: as the last time, at
   * first 2 seconds. Throws `busy`, `data_folder`, `disk_full`.
   */
  async start(secondsPerBlock: number | null = null): Promise<PracticeStatus> {
    await this.#alone(async () => {
      if (this.#own !== null) return;
      const release = await this.#lock();
      if (release === null) return;
      try {
        await this.#startOwn(secondsPerBlock, release);
      } catch (error) {
        release();
        throw error;
      }
    });
    return await this.status();
  }

  /** Also where another process runs it. The chain stays. */
  async stop(): Promise<PracticeStatus> {
    await this.#alone(() => this.#stopOwn());
    const running = this.#found();
    if (running !== null && (await this.#heightOf(running)) !== null) await this.#ask(running, "stop", {});
    return await this.status();
  }

  /** Stops it and forgets chain, files and throwaway wallets. Throws `busy` while another process holds it. */
  async reset(): Promise<PracticeStatus> {
    await this.stop();
    await this.#alone(async () => {
      const release = await this.#lock();
      if (release === null) throw IN_USE;
      const parts = [join(this.#folder, CHAIN_FILE), join(this.#folder, HOSTED_FOLDER), this.#walletsFolder];
      for (const part of parts) rmSync(part, { recursive: true, force: true });
      release();
    });
    this.#changed.advance();
    return await this.status();
  }

  /**
   * A throwaway wallet with a hotkey that is registered, its coldkey with 10 TAO of the practice network. Takes until the next
   * block. Throws `not_found` where the network does not run, `conflict` where there is such a hotkey already.
   */
  async createMiner(names: { wallet: string; hotkey: string }): Promise<PracticeMiner> {
    const running = await this.#running();
    const written = await writeThrowawayWallet(this.#walletsFolder, names);
    const { uid } = z.object({ uid: z.number() }).parse(await this.#ask(running, "admit", written, ADMIT_TIMEOUT_MS));
    return { ...names, ...written, uid };
  }

  /** Puts a file on the practice network's host: an address of its own each time. Throws `not_found`, `disk_full`. */
  async publish(content: Uint8Array): Promise<{ url: string }> {
    const running = await this.#running();
    const base64 = Buffer.from(content).toString("base64");
    return z.object({ url: z.string() }).parse(await this.#ask(running, "publish", { base64 }));
  }

  /** Stops it where this process runs it. */
  async close(): Promise<void> {
    await this.#alone(() => this.#stopOwn());
  }

  /** Null: another process runs it. One that is just starting or ending is waited for; throws `busy` where that takes too long. */
  async #lock(): Promise<(() => void) | null> {
    ensureFolder(this.#folder);
    const giveUpAt = performance.now() + LOCK_WITHIN_MS;
    for (;;) {
      const release = tryLockFile(this.#lockPath);
      if (release !== null) return release;
      const { running } = this.#file.read();
      if (running !== null && (await this.#heightOf(running)) !== null) return null;
      if (performance.now() > giveUpAt) throw IN_USE;
      await new Revision().next(0, undefined, LOCK_RETRY_MS);
    }
  }

  /**
   * Null: nobody runs it. What a killed process left behind is not believed, whoever answers there: its port is free to every
   * user of this machine, who would be told the token and the files to publish.
   */
  #found(): Running | null {
    const { running } = this.#file.read();
    if (running === null || this.#own !== null) return running;
    const release = tryLockFile(this.#lockPath);
    if (release === null) return running;
    release();
    return null;
  }

  async #running(): Promise<Running> {
    const running = this.#found();
    if (running === null || (await this.#heightOf(running)) === null) throw NOT_RUNNING;
    return running;
  }

  async #startOwn(wantedSeconds: number | null, release: () => void): Promise<void> {
    const before = this.#file.read();
    // Of a process that was killed: from here on somebody holds the lock, and others would believe it.
    if (before.running !== null) this.#file.write({ ...before, running: null });
    const secondsPerBlock = wantedSeconds ?? before.secondsPerBlock;
    const token = randomBytes(TOKEN_BYTES).toString("hex");
    const { PracticeNode: Node } = await import("./node.ts");
    const options = {
      secondsPerBlock,
      folder: this.#folder,
      control: { token, handle: (action: string, input: unknown) => this.#handle(action, input) },
    };
    const node = await Node.start({ ...options, port: before.port }).catch((error: NodeJS.ErrnoException) => {
      // Somebody else has that port now: files that were published are under another address.
      if (error.code === "EADDRINUSE" || error.code === "EACCES") return Node.start(options);
      throw error;
    });
    this.#own = { node, release };
    node.chain.listen({ best: () => this.#changed.advance() });
    const { publicKey, genesisSeconds, periodSeconds } = node.beacon;
    this.#file.write({
      running: {
        port: node.port,
        token,
        secondsPerBlock,
        netuid: node.netuid,
        genesisHash: `0x${node.chain.hashOf(0)}`,
        beacon: { publicKey: Buffer.from(publicKey).toString("hex"), genesisSeconds, periodSeconds },
      },
      port: node.port,
      secondsPerBlock,
    });
    this.#changed.advance();
  }

  async #stopOwn(): Promise<void> {
    if (this.#own === null) return;
    const { node, release } = this.#own;
    this.#own = null;
    this.#file.write({ ...this.#file.read(), running: null });
    await node.stop();
    release();
    this.#changed.advance();
  }

  /** What other processes, and this one, ask of the one that runs it. */
  async #handle(action: string, input: unknown): Promise<unknown> {
    const node = this.#own?.node;
    if (node === undefined) throw NOT_RUNNING;
    switch (action) {
      case "height":
        return {
          block: node.chain.head.number,
          finalizedBlock: node.chain.finalized.number,
          round: node.chain.beacon.newestRound(node.chain.head.timestampMs),
          problem: node.problem?.report() ?? null,
        } satisfies Height;
      case "stop":
        // After the answer: it ends the connection that asks.
        setImmediate(() => void this.close());
        return null;
      case "admit": {
        const { hotkeyAddress, coldkeyAddress } = z
          .object({ hotkeyAddress: z.string(), coldkeyAddress: z.string() })
          .parse(input);
        const { decodeAddress } = await import("@polkadot/util-crypto");
        return {
          uid: await node.admit({
            hotkey: decodeAddress(hotkeyAddress),
            coldkey: decodeAddress(coldkeyAddress),
            rao: MINER_RAO,
          }),
        };
      }
      case "publish":
        return { url: node.publish(Buffer.from(z.object({ base64: z.string() }).parse(input).base64, "base64")) };
      default:
        throw new CrusaderError("unsupported", `The practice network does not know what "${action}" is.`);
    }
  }

  /** Null: nobody answers, so that nobody runs it. */
  async #heightOf(running: Running): Promise<Height | null> {
    try {
      return heightSchema.parse(await this.#ask(running, "height", {}));
    } catch {
      return null;
    }
  }

  async #ask({ port, token }: Running, action: string, input: object, timeoutMs = ASK_TIMEOUT_MS): Promise<unknown> {
    if (this.#own !== null) return await this.#handle(action, input);
    let answer: unknown;
    try {
      const response = await fetch(`http://127.0.0.1:${port}/control/${action}`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: JSON.stringify(input),
        signal: AbortSignal.timeout(timeoutMs),
      });
      answer = await response.json();
    } catch (error) {
      throw new CrusaderError(
        "not_found",
        "The practice network does not answer.",
        "Stop the process that runs it, and start it again.",
        (error as Error).message,
      );
    }
    const { error, result } = z
      .object({ error: errorReportSchema.optional(), result: z.unknown().optional() })
      .parse(answer);
    if (error !== undefined) throw new CrusaderError(error.code, error.message, error.hint, error.detail);
    return result;
  }

  async #alone(action: () => Promise<void>): Promise<void> {
    const work = this.#work.then(action, action);
    this.#work = work.catch(() => undefined);
    await work;
  }
}

const STOPPED = {
  state: "stopped",
  isOwn: false,
  endpoint: null,
  filesOrigin: null,
  secondsPerBlock: null,
  netuid: null,
  block: null,
  finalizedBlock: null,
  round: null,
  problem: null,
} as const;
