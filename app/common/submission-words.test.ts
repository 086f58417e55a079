import { expect, test } from "vitest";
import {
  SAMPLE_ADDRESSES,
  sampleInclusion,
  sampleReveal,
  sampleStep,
  sampleSubmission,
  sampleUnsigned,
} from "./sample-submission.ts";
import { PREFLIGHT_CHECKS, type PreflightCheck, type ShownStep, type Submission } from "./submission.ts";
import {
  blockedBy,
  CHECK_GROUPS,
  callRows,
  checkStanding,
  citablePayments,
  countdown,
  NOT_CHECKED,
  nextAction,
  signingWords,
  stepStanding,
  submissionStanding,
  summaryOf,
  timeToSignStanding,
} from "./submission-words.ts";

const check = (id: PreflightCheck["id"], state: PreflightCheck["state"], message = "") =>
  ({ id, state, message, hint: "" }) satisfies PreflightCheck;
const STAKE = { kind: "add_stake", hotkey: SAMPLE_ADDRESSES.owner, netuid: 3, amountRao: "50000000" } as const;

test("the groups hold every check once, in the preflight's order", () => {
  expect(CHECK_GROUPS.flatMap(({ ids }) => ids)).toEqual(PREFLIGHT_CHECKS);
});

test("what stands in the way is said, the one check in full, several by name", () => {
  const passing = [check("scan", "pass"), check("proof", "warn")];
  const cases = [
    { checks: passing, canSubmit: true },
    { checks: [...passing, check("url", "pending")], canSubmit: false },
    { checks: [...passing, check("url", "pending"), check("drand", "pending")], canSubmit: false },
    {
      checks: [...passing, check("balance", "block", "0.01 TAO of 0.15 TAO."), check("url", "pending")],
      canSubmit: false,
    },
    { checks: [check("url", "block", "No URL."), check("size", "block", "Too long.")], canSubmit: false },
    { checks: passing, canSubmit: false },
    // What could not be checked as another one blocks is no cause.
    {
      checks: [check("node", "block", "Out of reach."), check("clock", "block", NOT_CHECKED.chain)],
      canSubmit: false,
    },
    { checks: [check("clock", "block", NOT_CHECKED.chain)], canSubmit: false },
  ];
  expect(cases.map((preflight) => [blockedBy(preflight), summaryOf(preflight).word])).toEqual([
    [null, "Nothing blocks; 1 warning"],
    ["1 check is not known yet.", "2 of 3 checked"],
    ["2 checks are not known yet.", "2 of 4 checked"],
    ["Balance: 0.01 TAO of 0.15 TAO.", "1 check blocks"],
    ["2 checks block: URL, Size of the commitment.", "2 checks block"],
    ["The preflight does not let it through.", "Nothing blocks; 1 warning"],
    ["Node: Out of reach.", "1 check blocks"],
    [`Clock: ${NOT_CHECKED.chain}`, "1 check blocks"],
  ]);
  expect(
    [check("node", "block", "Out of reach."), check("clock", "block", NOT_CHECKED.chain)].map(checkStanding),
  ).toEqual([
    { tone: "trouble", word: "blocks" },
    { tone: "open", word: "unknown" },
  ]);
});

test("a call is amounts and addresses, and its button says what it does", () => {
  const transfer = {
    kind: "transfer_stake",
    destinationColdkey: SAMPLE_ADDRESSES.owner,
    hotkey: SAMPLE_ADDRESSES.hotkey,
    originNetuid: 3,
    destinationNetuid: 3,
    alphaAmount: "1234500000",
  } as const;
  const commit = { kind: "set_commitment", netuid: 3, encrypted: "0xabcdef", revealRound: 12_345 } as const;
  expect([STAKE, transfer, commit].map((call) => [signingWords(call), callRows(call)])).toEqual([
    [
      "Sign and pay 0.05 TAO",
      [
        { name: "Amount", value: "0.05 TAO (50,000,000 rao)", copied: false },
        { name: "Staked with hotkey", value: SAMPLE_ADDRESSES.owner, copied: true },
        { name: "Subnet", value: "3", copied: false },
      ],
    ],
    [
      "Sign and transfer the stake",
      [
        { name: "Amount", value: "1.2345 alpha (1,234,500,000 rao)", copied: false },
        { name: "Destination coldkey", value: SAMPLE_ADDRESSES.owner, copied: true },
        { name: "Staked with hotkey", value: SAMPLE_ADDRESSES.hotkey, copied: true },
        { name: "Subnet", value: "3", copied: false },
      ],
    ],
    [
      "Sign and commit",
      [
        { name: "Encrypted", value: "3 bytes", copied: false },
        { name: "Reveal round", value: "12,345", copied: false },
        { name: "Subnet", value: "3", copied: false },
      ],
    ],
  ]);
});

test("the first step that is not final decides what is to be done", () => {
  const done = sampleStep("stake", { state: "finalized", inclusion: sampleInclusion() });
  const problem = { message: "The node did not take it.", hint: "" };
  const actionOf = (state: ShownStep["state"], change: Partial<Submission> = {}) => {
    const step = sampleStep("transfer", { state, unsigned: state === "unsigned" ? sampleUnsigned(STAKE) : null });
    const next = nextAction(sampleSubmission({ steps: [done, step, sampleStep("commit")], ...change }));
    return next.kind === "prepare" && next.isAsked ? "prepare, asked" : next.kind;
  };
  expect([
    (["waiting", "unsigned", "sent", "unknown", "included", "failed", "expired"] as const).map((state) =>
      actionOf(state),
    ),
    actionOf("waiting", { problem }),
    actionOf("waiting", { steps: [done] }),
    actionOf("waiting", { state: "abandoned" }),
  ]).toEqual([
    ["prepare", "sign", "wait", "wait", "wait", "prepare, asked", "prepare, asked"],
    "prepare, asked",
    "none",
    "none",
  ]);
});

test("every state of a step has words", () => {
  const inclusion = sampleInclusion();
  const refused = sampleInclusion({ failure: "SubtensorModule.NotEnoughBalanceToStake" });
  expect([
    stepStanding({ state: "sent", inclusion: null, signBy: null }),
    stepStanding({ state: "included", inclusion, signBy: null }),
    stepStanding({ state: "finalized", inclusion, signBy: null }),
    stepStanding({ state: "failed", inclusion: refused, signBy: null }),
    stepStanding({ state: "expired", inclusion: null, signBy: null }),
    stepStanding({
      state: "expired",
      inclusion: null,
      signBy: { block: 9, blocksLeft: 0, time: "2026-05-01T12:00:00.000Z" },
    }),
  ]).toEqual([
    { tone: "working", word: "sent, not in a block yet" },
    { tone: "working", word: "in block 1,234, not finalized yet" },
    { tone: "well", word: "finalized in block 1,234" },
    { tone: "trouble", word: "refused in block 1,234: SubtensorModule.NotEnoughBalanceToStake" },
    { tone: "attention", word: "expired: in no block, and can be in none" },
    { tone: "attention", word: "expired: it was not signed and sent in time" },
  ]);
});

test("a submission's standing follows it to its rank", () => {
  const watched = (state: "same" | "changed") => ({ state, checkedAt: null, message: "", hint: "" });
  const evaluated = {
    source: "api",
    submissionId: "v1_1",
    status: "evaluated",
    score: 61.2,
    rank: 2,
    error: null,
    seenAt: "2026-11-21T12:00:00.000Z",
  };
  const committed = { state: "committed", reveal: sampleReveal() } as const;
  expect(
    [
      sampleSubmission(),
      sampleSubmission({ steps: [sampleStep("commit", { state: "sent" })] }),
      sampleSubmission(committed),
      sampleSubmission({ ...committed, reveal: sampleReveal({ state: "late" }) }),
      sampleSubmission({ ...committed, urlWatch: watched("changed") }),
      sampleSubmission({ state: "revealed", urlWatch: watched("same") }),
      sampleSubmission({ state: "revealed", network: "finney" }),
      sampleSubmission({ state: "evaluated", evaluated }),
      sampleSubmission({ state: "failed", reveal: sampleReveal({ state: "lost" }) }),
      sampleSubmission({ state: "failed" }),
      sampleSubmission({ state: "abandoned" }),
    ].map((submission) => submissionStanding(submission)),
  ).toEqual([
    { tone: "attention", word: "step 1 of 3 is yours: stake the fee" },
    { tone: "working", word: "step 1 of 1: sent, not in a block yet" },
    { tone: "working", word: "committed, not revealed yet" },
    { tone: "attention", word: "the round is out, the chain has not revealed it yet" },
    { tone: "trouble", word: "the hosted file has changed" },
    { tone: "well", word: "revealed" },
    { tone: "working", word: "revealed, not evaluated yet" },
    { tone: "well", word: "evaluated, 61.20 % MFU, rank 2" },
    { tone: "trouble", word: "not revealed: the chain dropped it" },
    { tone: "trouble", word: "failed" },
    { tone: "over", word: "abandoned" },
  ]);
});

test("the countdown is in blocks and time, and never below nothing", () => {
  const at = Date.parse("2026-11-21T10:00:00.000Z");
  expect([
    countdown(sampleReveal(), at),
    countdown(sampleReveal({ blocksLeft: 1 }), at + 235_000),
    countdown(sampleReveal({ blocksLeft: 2 }), at + 300_000),
    countdown(sampleReveal({ blocksLeft: 0 }), at + 300_000),
  ]).toEqual(["20 blocks, about 4 min", "1 block, about 5 s", "2 blocks", "due now"]);
});

test("what was paid for nothing can be cited on its own network, once its submission is over", () => {
  const paid = { payment: { block: 7, extrinsicIndex: 2 }, paymentIsOpen: true };
  const submissions = [
    sampleSubmission({ id: "open", ...paid }),
    sampleSubmission({ id: "failed", ...paid, state: "failed" }),
    sampleSubmission({ id: "unpaid", state: "failed" }),
    sampleSubmission({ id: "elsewhere", ...paid, state: "abandoned", network: "finney" }),
  ];
  expect(citablePayments(submissions, "practice").map(({ id }) => id)).toEqual(["failed"]);
});

test("the time to sign goes on between two blocks, and says when little is left", () => {
  const span = { firstBlock: 1000, lastBlock: 1015 };
  const time = "2026-05-01T12:03:00.000Z";
  const standing = (blocksLeft: number, now: string) =>
    timeToSignStanding({ block: 1015, blocksLeft, time }, span, Date.parse(now));
  expect([
    standing(13, "2026-05-01T12:00:24.000Z"),
    standing(3, "2026-05-01T12:02:25.000Z"),
    standing(1, "2026-05-01T12:04:00.000Z"),
  ]).toEqual([
    { tone: "open", word: "It can be signed until block 1,015: 13 blocks, about 3 min." },
    { tone: "attention", word: "Little time: it can be signed until block 1,015: 3 blocks, about 35 s." },
    { tone: "attention", word: "Little time: it can be signed until block 1,015: 1 block." },
  ]);
});
