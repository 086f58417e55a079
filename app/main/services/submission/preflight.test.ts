import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import type { Standing } from "../../../common/arena.ts";
import type { Preflight, PreflightCheck } from "../../../common/submission.ts";
import { PREFLIGHT_CHECKS } from "../../../common/submission.ts";
import { type Bench, type BenchOptions, bench, CODE, orderOf, take } from "./bench.ts";
import type { JudgedRun, SubmissionOrder } from "./index.ts";

async function lastOf(stream: AsyncGenerator<Preflight>): Promise<Preflight> {
  let last: Preflight | null = null;
  for await (const preflight of stream) last = preflight;
  if (last === null) throw new Error("no preflight");
  return last;
}

const checkOf = ({ checks }: Preflight, id: PreflightCheck["id"]) => checks.find((check) => check.id === id);

test("all is looked at, told as it becomes known, in the order of the page", async () => {
  const { service, order, miner, node } = await bench();
  const states: string[][] = [];
  let last: Preflight | null = null;
  for await (const preflight of service.preflight(order)) {
    states.push(preflight.checks.map(({ state }) => state));
    last = preflight;
  }
  expect(states[0]).toEqual(PREFLIGHT_CHECKS.map(() => "pending"));
  expect(states.length).toBeGreaterThan(2);
  expect(last).toMatchObject({
    canSubmit: true,
    sha256: createHash("sha256").update(CODE).digest("hex"),
    fileName: "train.py",
    byteCount: CODE.length,
    runIds: ["7"],
    hotkeyAddress: miner.hotkey.address,
    uid: miner.uid,
    opensAt: null,
    fee: { amountRao: "50000000", neededRao: "150000000", burnUid: 1 },
  });
  expect(last?.checks.map(({ id, state, message }) => [id, state, message])).toEqual([
    ["scan", "pass", "The validator's scan passes for exactly these bytes."],
    ["proof", "warn", "Run 7 passed with exactly these bytes; its score does not compare: it is a rehearsal."],
    ["url", "pass", expect.stringContaining("follows the rules")],
    ["hosted", "pass", expect.stringContaining("exactly the judged file: 35 bytes")],
    ["size", "pass", expect.stringMatching(/^The commitment has \d+ of 128 bytes; the URL may have \d+\.$/)],
    ["node", "pass", `${node.endpoint} is at block 1, spec 343, in step.`],
    ["clock", "pass", "This machine's clock and the chain's agree."],
    ["drand", "pass", expect.stringContaining("the reveal would be in round")],
    ["registered", "pass", "The hotkey is registered on subnet 3 as uid 2."],
    ["interval", "pass", "The hotkey has not submitted before."],
    ["pending", "pass", "No commitment of the hotkey waits to be revealed."],
    ["space", "pass", expect.stringContaining("of the hotkey's 3,100 an epoch; 3,100 are free.")],
    [
      "payment",
      "pass",
      `The fee is 0.05 TAO (50,000,000 rao) to ${node.burn.coldkey.address}, the owner of the hotkey at uid 1.`,
    ],
    ["balance", "pass", expect.stringContaining("10 TAO (10,000,000,000 rao); 0.15 TAO (150,000,000 rao) have to be")],
    ["standing", "pass", "Nobody is ranked on this network."],
    ["reward", "warn", "The winner earns nothing today: all of the emission is burned."],
  ]);
});

const FAILED: JudgedRun = {
  runId: "8",
  outcome: "failed",
  profile: { name: "rehearsal", kind: "rehearsal" },
  notComparable: [],
  mfuPercents: [],
  failure: "the weights differ",
};

type Case = {
  name: string;
  id: PreflightCheck["id"];
  says: RegExp;
  state?: PreflightCheck["state"];
  options?: BenchOptions;
  before?: (of: Bench) => Promise<void> | void;
  order?: (of: Bench) => Partial<SubmissionOrder>;
};

const CASES: Case[] = [
  {
    name: "a file that was never simulated",
    id: "proof",
    says: /^No simulation/,
    options: { needs: { runsOf: () => [] } },
  },
  {
    name: "a last run that failed",
    id: "proof",
    says: /^Run 8, the last of exactly these bytes, failed: the weights differ/,
    options: { needs: { runsOf: () => [FAILED, { ...FAILED, outcome: "passed", runId: "7" }] } },
  },
  {
    name: "a file that the scan rejects",
    id: "scan",
    says: /^The validator's scan rejects the file in line 3: no exec/,
    options: {
      needs: {
        scan: async () => ({
          verdict: { ok: false, kind: "security", line: 3, rule: "x" },
          findings: [{ rule: "x", line: 3, column: 1, endLine: 3, endColumn: 2, message: "no exec" }],
          strategy: null,
          cudaNeeds: [],
          lints: [],
          fixes: [],
        }),
      },
    },
  },
  { name: "no URL", id: "url", says: /^There is no URL yet/, order: () => ({ url: "" }) },
  { name: "no URL: nothing is fetched", id: "hosted", says: /^Nothing can be fetched/, order: () => ({ url: "" }) },
  {
    name: "another file at the URL",
    id: "hosted",
    says: /is not the file that was judged/,
    before: ({ host }) => {
      host.bytes = Buffer.from("def inner_steps(): pass\n");
    },
  },
  {
    name: "a URL that is too long",
    id: "size",
    says: /^The commitment is too long: 1\d\d of 128 bytes; the URL may have \d\d\./,
    order: ({ order }) => ({ url: `${order.url}?${"x".repeat(80)}` }),
  },
  {
    name: "no node",
    id: "node",
    says: /./,
    before: ({ node }) => node.stop(),
  },
  {
    name: "a node that is catching up",
    id: "node",
    says: /and still catching up/,
    before: ({ node }) => {
      node.faults.isSyncing = true;
    },
  },
  {
    name: "a node that finalizes nothing",
    id: "node",
    says: /its last 40 blocks are not finalized/,
    options: { faults: { finalityStopped: true } },
    before: ({ node }) => {
      node.mine(39);
    },
  },
  {
    name: "a node that lies about the known runtime",
    id: "node",
    says: /spec 343: Commitments\.set_commitment is call 18\.1 here, and 18\.0 in the known runtime\.$/,
    options: { faults: { callIndexOffset: 1 } },
  },
  {
    name: "pulses that do not arrive",
    id: "drand",
    says: /pulses do not arrive, and nothing is revealed/,
    options: { faults: { pulsesStopped: true } },
    before: ({ node }) => {
      node.mine(200);
    },
  },
  {
    name: "a hotkey that is not registered",
    id: "registered",
    says: /is not registered on subnet 3/,
    order: ({ miner }) => ({ hotkey: { kind: "cold", address: miner.coldkey.address } }),
  },
  {
    name: "a coldkey that does not own the hotkey",
    id: "payment",
    says: /^The validator takes the fee only from the owner of the hotkey/,
    order: ({ node }) => ({ coldkey: { kind: "cold", address: node.owner.coldkey.address } }),
  },
  { name: "nobody who pays", id: "payment", says: /^A fee is due: 0\.05 TAO/, order: () => ({ coldkey: null }) },
  {
    name: "a payment that is none",
    id: "payment",
    says: /^The payment in block 1, extrinsic 0, is no transfer of stake/,
    order: () => ({ payment: { block: 1, extrinsicIndex: 0 } }),
  },
  {
    name: "a payment in a block that is not there",
    id: "payment",
    says: /is no transfer of stake/,
    order: () => ({ payment: { block: 4711, extrinsicIndex: 1 } }),
  },
  {
    name: "a fee that nobody at that uid gets",
    id: "payment",
    says: /^Nobody has uid 99 on subnet 3/,
    options: { profile: { burn_uid: 99 } },
  },
  {
    name: "a profile that is none to submit by",
    id: "payment",
    says: /^The profile production-2026-04 says nothing to submit by: netuid/,
    options: { profile: { netuid: undefined } },
  },
  {
    name: "too little money",
    id: "balance",
    says: /has 10 TAO \(10,000,000,000 rao\); 20\.1 TAO \(20,100,000,000 rao\) have to be there/,
    options: { profile: { payment: { enabled: true, fee_rao: 20_000_000_000 } } },
  },
];

test("a newer runtime that numbers its calls anew is said to be so, and gone by", async () => {
  const of = await bench({ faults: { callIndexOffset: 1 } });
  of.node.upgrade();
  const node = checkOf(await lastOf(of.service.preflight(of.order)), "node");
  expect(node).toMatchObject({
    state: "warn",
    message: expect.stringMatching(
      /spec 344, which is not the one .* Commitments\.set_commitment is call 18\.1 here, and 18\.0 in the known/,
    ),
  });
});

test.each(CASES)("blocked: $name", async ({ id, says, options, before, order }) => {
  const of = await bench(options);
  await before?.(of);
  const preflight = await lastOf(of.service.preflight({ ...of.order, ...order?.(of) }));
  expect(checkOf(preflight, id)).toMatchObject({ state: "block", message: expect.stringMatching(says) });
  expect(preflight.canSubmit).toBe(false);
  await expect(of.service.begin({ ...of.order, ...order?.(of) })).rejects.toMatchObject({ code: "conflict" });
  expect(of.service.list()).toEqual([]);
});

test("a fee that goes elsewhere than the last one is warned of", async () => {
  const of = await bench();
  const { id } = await of.service.begin(of.order);
  await take(of, id, "stake");
  await take(of, id, "transfer");
  await of.service.abandon(id);
  const { miner } = of;
  const { burn } = of.node;
  const payment = async (service: Bench["service"]) => checkOf(await lastOf(service.preflight(of.order)), "payment");
  expect(await payment(of.service)).toMatchObject({ state: "pass" });
  const lying = of.open({}, (chains) => ({
    open: async (name, options) => {
      const chain = await chains.open(name, options);
      const ownerOf = async (hotkey: string) =>
        hotkey === burn.hotkey.address ? miner.coldkey.address : chain.ownerOf(hotkey);
      return new Proxy(chain, {
        get: (target, key) => {
          const value: unknown = key === "ownerOf" ? ownerOf : Reflect.get(target, key, target);
          return typeof value === "function" ? value.bind(target) : value;
        },
      });
    },
  }));
  expect(await payment(lying.service)).toMatchObject({
    state: "warn",
    message: expect.stringMatching(
      new RegExp(`to ${miner.coldkey.address}, .*; your last one went to ${burn.coldkey.address}\\.$`),
    ),
  });
});

test("of a node that is named by its address it is said whose money it moves", async () => {
  const { service, order, node, open } = await bench();
  const network = "ws://127.0.0.1:9";
  const said = async (chainsOf: typeof service) =>
    checkOf(await lastOf(chainsOf.preflight({ ...order, network })), "node")?.message;
  expect(await said(service)).toContain(`${node.endpoint}, of no public network, is at block`);
  const finney = open({}, (chains) => ({
    open: async (name, options) => {
      const chain = await chains.open(name, options);
      const genesisHash = "0x2f0555cc76fc2840a25a6ea3b9637146806f1f44b090c175ffde2a7e5ab36c03";
      return new Proxy(chain, {
        get: (target, key) => {
          const value: unknown = key === "genesisHash" ? genesisHash : Reflect.get(target, key, target);
          return typeof value === "function" ? value.bind(target) : value;
        },
      });
    },
  }));
  expect(await said(finney.service)).toContain(`${node.endpoint}, of finney, where money is real, is at block`);
});

test("a clock that is an hour off is said; the reveal goes by the chain's", async () => {
  const { service, order, node } = await bench({ needs: { now: () => Date.now() - 3_600_000 } });
  const preflight = await lastOf(service.preflight(order));
  expect(checkOf(preflight, "clock")).toMatchObject({
    state: "warn",
    message: expect.stringMatching(/^This machine's clock is 1 h behind the chain's/),
  });
  const untilRevealMs = Date.parse(preflight.reveal?.time ?? "") - node.chain.head.timestampMs;
  expect(untilRevealMs).toBeGreaterThan(230_000);
  expect(untilRevealMs).toBeLessThanOrEqual(243_000);
});

test("an hour ahead, with blocks that come: the clock; with none: the node", async () => {
  const now = () => Date.now() + 3_600_000;
  const moving = await bench({ paced: true, secondsPerBlock: 1, needs: { now } });
  const stuck = await bench({ paced: false, secondsPerBlock: 0.2, profile: { reveal_blocks: 200 }, needs: { now } });
  const [clock, node] = await Promise.all([
    lastOf(moving.service.preflight(moving.order)),
    lastOf(stuck.service.preflight(stuck.order)),
  ]);
  expect([
    checkOf(clock, "node")?.state,
    checkOf(clock, "clock")?.message,
    checkOf(node, "node")?.state,
    checkOf(node, "clock")?.state,
  ]).toEqual(["pass", expect.stringMatching(/^This machine's clock is 1 h ahead of the chain's/), "block", "warn"]);
});

test("after a submission: the interval with the time it opens, the URL that was used, and what waits to be revealed", async () => {
  const of = await bench();
  const { id } = await of.service.begin(of.order);
  for (const step of ["stake", "transfer", "commit"] as const) await take(of, id, step);
  const waiting = await lastOf(of.service.preflight(of.order));
  of.node.mine(25);
  const later = await lastOf(of.service.preflight(orderOf(of.host, of.miner)));
  of.node.mine(360);
  const open = await lastOf(of.service.preflight(orderOf(of.host, of.miner)));
  expect([
    checkOf(waiting, "url"),
    checkOf(waiting, "pending"),
    checkOf(later, "pending")?.state,
    checkOf(later, "interval"),
    checkOf(open, "interval")?.state,
    waiting.opensAt?.block,
  ]).toEqual([
    expect.objectContaining({ state: "block", message: expect.stringMatching(/^This URL was committed before/) }),
    expect.objectContaining({
      state: "block",
      message: expect.stringMatching(/is not revealed yet, and a new one would take its place/),
    }),
    "pass",
    expect.objectContaining({ state: "block", hint: expect.stringMatching(/^It opens at block \d+, in about/) }),
    "pass",
    expect.any(Number),
  ]);
});

test("a dry run shows every step as it would be signed, and keeps and sends nothing", async () => {
  const { service, order, miner, signable } = await bench();
  const { preflight, steps } = await service.dryRun(order);
  expect(preflight.canSubmit).toBe(true);
  expect(steps.map(({ step, unsigned }) => [step, unsigned.call.kind, unsigned.payload.address])).toEqual([
    ["stake", "add_stake", miner.coldkey.address],
    ["transfer", "transfer_stake", miner.coldkey.address],
    ["commit", "set_commitment", miner.hotkey.address],
  ]);
  expect([service.list(), signable.size]).toEqual([[], 0]);
});

const LEADER: Standing = {
  source: "a validator",
  seenAt: "2026-11-21T12:00:00.000Z",
  leader: { submissionId: "v1_commit_1_2", hotkey: null, uid: 2, score: 50 },
  threshold: { current: 0.05, lastUpdateBlock: 1 },
};
const onGpus = (...mfuPercents: number[]): JudgedRun[] => [
  { ...FAILED, runId: "9", outcome: "passed", failure: "", mfuPercents },
];

test.each<[string, Standing | null, JudgedRun[], Partial<PreflightCheck>]>([
  ["no source of standings", null, [], { state: "warn", message: expect.stringMatching(/^Who leads is not known/) }],
  ["nobody leads", { ...LEADER, leader: null }, [], { state: "pass", message: "Nobody leads yet, says a validator." }],
  [
    "no run that compares",
    LEADER,
    [],
    {
      state: "warn",
      // 50 * 1.05 now; the threshold decays to 0.01 + 0.04 * 0.95 ** 0.2 in twenty blocks.
      message:
        "The leader has 50.00 %; to pass takes 52.50 % now, 52.48 % at the reveal; no run of this file compares with it.",
    },
  ],
  [
    "fewer than five runs",
    LEADER,
    onGpus(53, 54.5),
    { state: "warn", message: expect.stringMatching(/this file's own runs: 53\.00 %, 54\.50 %\.$/) },
  ],
  [
    "five runs above",
    LEADER,
    onGpus(60, 60.1, 60.2, 60, 59.9),
    { state: "pass", message: expect.stringMatching(/this file: 60\.04 % \[59\.6\d %, 60\.\d\d %\], 95 % prediction/) },
  ],
  ["five runs around", LEADER, onGpus(52, 53, 52, 53, 52), { state: "warn", hint: "Whether it would lead is open." }],
  [
    "five runs below",
    LEADER,
    onGpus(40, 40, 40, 40, 40.1),
    { state: "warn", hint: expect.stringMatching(/would not lead/) },
  ],
])("how the file stands to the leader: %s", async (_name, standing, runs, expected) => {
  const needs = { standings: { standing: () => standing, evaluationOf: () => null }, runsOf: () => runs };
  const { service, order } = await bench({ needs });
  const preflight = await lastOf(service.preflight({ ...order, network: "ws://127.0.0.1:9" }));
  expect(checkOf(preflight, "standing")).toMatchObject(expected);
});
