/** Tests: the service over a practice node, with keys that sign here, and all else that it needs as simple as can be. */
import { randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { blake2b } from "@noble/hashes/blake2.js";
import { onTestFinished } from "vitest";
import type { ChainCall, UnsignedExtrinsic } from "../../../common/chain.ts";
import type { Signed, Submission, SubmissionStep } from "../../../common/submission.ts";
import { Chains } from "../chain/index.ts";
import { type PracticeKey, type PracticeMiner, PracticeNode, type PracticeNodeOptions } from "../practice/index.ts";
import type { JudgedRun, SubmissionNeeds, SubmissionOrder } from "./index.ts";
import { SubmissionService } from "./index.ts";

const PROFILE = new URL("../../../../hparams/production-2026-04.json", import.meta.url);
const LOOPBACK = "127.0.0.1";
export const CODE = Buffer.from("def inner_steps():\n    return None\n");

const PASSED_SCAN = {
  verdict: { ok: true, kind: "pass" as const, line: null, rule: null },
  findings: [],
  strategy: null,
  cudaNeeds: [],
  lints: [],
  fixes: [],
};
const PASSED_RUN: JudgedRun = {
  runId: "7",
  outcome: "passed",
  profile: { name: "rehearsal", kind: "rehearsal" },
  notComparable: ["it is a rehearsal"],
  mfuPercents: [],
  failure: "",
};

export type BenchOptions = PracticeNodeOptions & {
  /** Instead of those of the profile. */
  profile?: Record<string, unknown>;
  needs?: Partial<SubmissionNeeds>;
};

export async function bench({ profile = {}, needs = {}, ...options }: BenchOptions = {}) {
  const node = await PracticeNode.start({ paced: false, secondsPerBlock: 12, ...options });
  onTestFinished(() => node.stop());
  const dataFolder = mkdtempSync(join(tmpdir(), "crusader-submission-"));
  onTestFinished(() => rmSync(dataFolder, { recursive: true, force: true }));
  const { endpoint, beacon, secondsPerBlock } = node;
  const host = await fileHost();
  const miner = await node.createMiner();
  const resolved = { ...JSON.parse(readFileSync(PROFILE, "utf8")), ...profile };
  const bugs: unknown[] = [];
  const signable = new Set<string>();

  /** Another process with the same data folder, or the next one after a crash. */
  const open = (
    more: Partial<SubmissionNeeds> = {},
    around: (chains: SubmissionNeeds["chains"]) => SubmissionNeeds["chains"] = (chains) => chains,
  ) => {
    const chains = new Chains({
      resolve: () => ({ endpoint, beacon, secondsPerBlock }),
    });
    const service = new SubmissionService({
      dataFolder,
      chains: around(chains),
      profile: async (name) => ({ name, resolved }),
      scan: async () => PASSED_SCAN,
      runsOf: () => [PASSED_RUN],
      addressOf: () => {
        throw new Error("no key files here");
      },
      signing: {
        add: ({ signedBytes }) => signable.add(signedBytes),
        remove: ({ signedBytes }) => signable.delete(signedBytes),
      },
      standings: null,
      allowedOrigins: () => [host.origin],
      onBug: (error) => bugs.push(error),
      ...needs,
      ...more,
    });
    const close = async () => {
      await service.close();
      await chains.close();
    };
    onTestFinished(close);
    return { service, close };
  };
  onTestFinished(() => {
    if (bugs.length > 0) throw bugs[0];
  });
  const { service, close } = open();

  /** Of another program. */
  const openChain = async () => {
    const chains = new Chains({ resolve: () => ({ endpoint, beacon, secondsPerBlock }) });
    return { chain: await chains.open("practice"), close: () => chains.close() };
  };

  /** Signs and sends as another program does; returns when the node has it. */
  const sendElsewhere = async (call: ChainCall, key: PracticeKey) => {
    const other = await openChain();
    const unsigned = await other.chain.prepare(call, key.address);
    const { extrinsic } = await other.chain.assemble(unsigned, signatureOf(unsigned, key));
    const updates = other.chain.send(extrinsic, undefined);
    await updates.next();
    await updates.return(undefined);
    await other.close();
  };
  return {
    node,
    host,
    dataFolder,
    miner,
    service,
    close,
    open,
    openChain,
    sendElsewhere,
    signable,
    order: orderOf(host, miner),
  };
}

/** Serves whatever `bytes` are now, under every path. */
async function fileHost() {
  const host = { origin: "", bytes: CODE as Uint8Array };
  const server = createServer((_request, response) => response.end(host.bytes));
  await new Promise<void>((resolve) => server.listen(0, LOOPBACK, resolve));
  onTestFinished(() => new Promise<void>((resolve) => server.close(() => resolve())));
  host.origin = `http://${LOOPBACK}:${(server.address() as AddressInfo).port}`;
  return host;
}

export type Bench = Awaited<ReturnType<typeof bench>>;

/** An order of the miner's that nothing stands in the way of. */
export function orderOf({ origin }: { origin: string }, miner: PracticeMiner): SubmissionOrder {
  return {
    profile: "production-2026-04",
    network: "practice",
    url: `${origin}/${randomUUID().slice(0, 8)}.py`,
    hotkey: { kind: "cold", address: miner.hotkey.address },
    coldkey: { kind: "cold", address: miner.coldkey.address },
    payment: null,
    read: async () => ({ fileName: "train.py", bytes: CODE }),
  };
}

/** As a signer does. */
export function signatureOf({ signedBytes }: UnsignedExtrinsic, key: PracticeKey): Signed {
  const bytes = Buffer.from(signedBytes.slice(2), "hex");
  const message = bytes.length > 256 ? blake2b(bytes, { dkLen: 32 }) : bytes;
  return { kind: "signature", signature: `0x01${Buffer.from(key.sign(message)).toString("hex")}` };
}

export function stepOf(submission: Submission, step: SubmissionStep) {
  const found = submission.steps.find((one) => one.step === step);
  if (found === undefined) throw new Error(`no step ${step}`);
  return found;
}

/** The submission as soon as it is as wanted. */
export async function until(
  service: SubmissionService,
  id: string,
  isWanted: (submission: Submission) => boolean,
): Promise<Submission> {
  for await (const all of service.watch(undefined)) {
    const found = all.find((submission) => submission.id === id);
    if (found !== undefined && isWanted(found)) return found;
  }
  throw new Error("the list ended");
}

/** Prepares a step and signs it; sends nothing. */
export async function signed({ service, miner }: Pick<Bench, "service" | "miner">, id: string, step: SubmissionStep) {
  const { unsigned } = stepOf(await service.prepare(id), step);
  if (unsigned === null) throw new Error(`${step} was not prepared`);
  return { id, step, signed: signatureOf(unsigned, step === "commit" ? miner.hotkey : miner.coldkey) };
}

/** Prepares, signs, sends and mines a step until it is final. */
export async function take(of: Pick<Bench, "service" | "miner" | "node">, id: string, step: SubmissionStep) {
  await of.service.send(await signed(of, id, step));
  of.node.mine(3);
  return until(of.service, id, (submission) => stepOf(submission, step).state === "finalized");
}

/** How many extrinsics of each account the chain has taken: coldkey, hotkey. */
export async function takenOf({ openChain, miner }: Pick<Bench, "openChain" | "miner">): Promise<[number, number]> {
  const { chain, close } = await openChain();
  const taken = await Promise.all([chain.nonceOf(miner.coldkey.address), chain.nonceOf(miner.hotkey.address)]);
  await close();
  return taken as [number, number];
}
