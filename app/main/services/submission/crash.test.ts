/** What a crash, a lost node or a second window may do between any two steps: nothing is paid or committed twice. */
import { expect, test } from "vitest";
import type { Submission, SubmissionStep } from "../../../common/submission.ts";
import { SUBMISSION_STEPS } from "../../../common/submission.ts";
import type { Chain, SendUpdate } from "../chain/index.ts";
import { type Bench, bench, orderOf, signatureOf, signed, stepOf, take, takenOf, until } from "./bench.ts";
import type { SubmissionNeeds } from "./index.ts";

/** When a process dies in the middle of sending, with the extrinsic in its journal. */
const MOMENTS = ["before the node has it", "after the node has it"] as const;
type Moment = (typeof MOMENTS)[number];

/** The chains of a process that hears nothing any more once it sends. */
function dying(chains: SubmissionNeeds["chains"], moment: Moment): SubmissionNeeds["chains"] {
  async function* send(chain: Chain, extrinsic: string): AsyncGenerator<SendUpdate> {
    if (moment === "after the node has it") {
      const updates = chain.send(extrinsic, undefined);
      await updates.next();
      await updates.return(undefined);
    }
    yield { kind: "lost", message: "this process is gone" };
  }
  return {
    open: async (network, options) => {
      const chain = await chains.open(network, options);
      return new Proxy(chain, {
        get: (target, name) => {
          if (name === "send") return (extrinsic: string) => send(target, extrinsic);
          const value: unknown = Reflect.get(target, name, target);
          return typeof value === "function" ? value.bind(target) : value;
        },
      });
    },
  };
}

/** The chains of a node that takes everything, and says of it at once that it is in no block and never will be. */
function denying(chains: SubmissionNeeds["chains"]): SubmissionNeeds["chains"] {
  return lying(chains, (chain) => ({
    find: async () => ({ kind: "gone", reason: "expired" }),
    async *send(extrinsic) {
      const updates = chain.send(extrinsic, undefined);
      await updates.next();
      await updates.return(undefined);
      yield { kind: "lost", message: "it says nothing more" };
    },
  }));
}

/** The chains of a node that says of all it takes that it failed. */
function failing(chains: SubmissionNeeds["chains"]): SubmissionNeeds["chains"] {
  return lying(denying(chains), (chain) => ({
    find: async (wanted) => {
      // Behind the one that denies.
      const found = await (await chains.open(chain.network)).find(wanted);
      if (found.kind !== "included") return found;
      return { ...found, inclusion: { ...found.inclusion, finalized: true, failure: "Made.Up" } };
    },
  }));
}

function lying(chains: SubmissionNeeds["chains"], lies: (chain: Chain) => Partial<Chain>): SubmissionNeeds["chains"] {
  return {
    open: async (network, options) => {
      const chain = await chains.open(network, options);
      const told = lies(chain);
      return new Proxy(chain, {
        get: (target, name) => {
          if (name in told) return Reflect.get(told, name);
          const value: unknown = Reflect.get(target, name, target);
          return typeof value === "function" ? value.bind(target) : value;
        },
      });
    },
  };
}

/** Takes all steps that are left, and sees it revealed. */
async function toTheEnd(of: Pick<Bench, "service" | "node" | "miner">, id: string): Promise<Submission> {
  for (const step of SUBMISSION_STEPS) {
    const [now] = of.service.list();
    if (now !== undefined && stepOf(now, step).state !== "finalized") await take(of, id, step);
  }
  of.node.mine(25);
  return until(of.service, id, ({ state }) => state === "revealed");
}

const stepsBefore = (step: SubmissionStep) => SUBMISSION_STEPS.slice(0, SUBMISSION_STEPS.indexOf(step));

test.each(SUBMISSION_STEPS.flatMap((step) => MOMENTS.map((moment) => ({ step, moment }))))(
  "killed while the $step is sent, $moment: the next process goes on",
  async ({ step, moment }) => {
    const first = await bench();
    const { id } = await first.service.begin(first.order);
    for (const done of stepsBefore(step)) await take(first, id, done);
    await first.close();
    const doomed = first.open({}, (chains) => dying(chains, moment));
    await doomed.service.send(await signed({ ...first, ...doomed }, id, step));
    await doomed.close();

    const next = { ...first, ...first.open() };
    // The same bytes are handed over again once a block has passed without them.
    if (moment === "before the node has it") first.node.mine();
    await until(next.service, id, (now) => ["sent", "included"].includes(stepOf(now, step).state));
    first.node.mine(3);
    await until(next.service, id, (now) => stepOf(now, step).state === "finalized");
    const { reveal, state } = await toTheEnd(next, id);
    expect([state, reveal?.state, await takenOf(first)]).toEqual(["revealed", "revealed", [2, 1]]);
  },
);

test.each(SUBMISSION_STEPS)("what was never handed over is prepared anew once its time is over: %s", async (step) => {
  const first = await bench();
  const { id } = await first.service.begin(first.order);
  for (const done of stepsBefore(step)) await take(first, id, done);
  await first.close();
  const doomed = first.open({}, (chains) => dying(chains, "before the node has it"));
  const before = await doomed.service.send(await signed({ ...first, ...doomed }, id, step));
  await doomed.close();

  first.node.mine(70);
  const next = { ...first, ...first.open() };
  const expired = await until(next.service, id, (now) => stepOf(now, step).state === "expired");
  expect(expired.problem?.message).toMatch(/is in no block: its time is over/);
  const { state, steps } = await toTheEnd(next, id);
  const now = steps.find((one) => one.step === step);
  expect([state, now?.extrinsicHash === stepOf(before, step).extrinsicHash, await takenOf(first)]).toEqual([
    "revealed",
    false,
    [2, 1],
  ]);
});

test("killed between any two steps, with a payload given out, with all paid: the next process goes on", async () => {
  const first = await bench();
  const { id } = await first.service.begin(first.order);
  await first.close();
  let now = { ...first, ...first.open() };
  for (const step of SUBMISSION_STEPS) {
    // A payload that was given out, and its signature, outlive the process.
    const answer = await signed(now, id, step);
    await now.close();
    first.signable.clear();
    now = { ...first, ...first.open() };
    now.service.start();
    expect(first.signable.size).toBe(1);
    await now.service.send(answer);
    await now.close();
    now = { ...first, ...first.open() };
    first.node.mine(1);
    await until(now.service, id, (submission) => stepOf(submission, step).state === "included");
    await now.close();
    now = { ...first, ...first.open() };
    first.node.mine(2);
    await until(now.service, id, (submission) => stepOf(submission, step).state === "finalized");
    await now.close();
    now = { ...first, ...first.open() };
  }
  first.node.mine(25);
  const { state } = await until(now.service, id, (submission) => submission.state === "revealed");
  expect([state, await takenOf(first)]).toEqual(["revealed", [2, 1]]);
});

test.each(SUBMISSION_STEPS)("a node that denies the %s makes nobody do it twice over another one", async (step) => {
  const first = await bench();
  const { id } = await first.service.begin(first.order);
  for (const done of stepsBefore(step)) await take(first, id, done);
  await first.close();
  const denied = first.open({}, denying);
  await denied.service.send(await signed({ ...first, ...denied }, id, step));
  first.node.mine(1);
  await until(denied.service, id, (now) => stepOf(now, step).state === "expired");
  await denied.close();

  const next = { ...first, ...first.open() };
  // Not final yet, and not prepared another time.
  await expect(next.service.prepare(id)).rejects.toMatchObject({ code: "conflict" });
  expect(stepOf((await next.service.list())[0] as Submission, step).state).toBe("included");
  first.node.mine(3);
  await until(next.service, id, (now) => stepOf(now, step).state === "finalized");
  const { state } = await toTheEnd(next, id);
  expect([state, await takenOf(first)]).toEqual(["revealed", [2, 1]]);
});

test.each(SUBMISSION_STEPS)(
  "a node that lies of the %s that it failed makes nobody do it twice over another one",
  async (step) => {
    const first = await bench();
    const { id } = await first.service.begin(first.order);
    for (const done of stepsBefore(step)) await take(first, id, done);
    await first.close();
    const failed = first.open({}, failing);
    await failed.service.send(await signed({ ...first, ...failed }, id, step));
    first.node.mine(3);
    await until(failed.service, id, (now) => stepOf(now, step).state === "failed");
    await failed.close();

    const next = { ...first, ...first.open() };
    // The step after it is prepared; after the commitment there is none.
    const prepared = await next.service.prepare(id).catch((error: unknown) => error);
    expect(prepared).toMatchObject(step === "commit" ? { code: "conflict" } : { state: "open" });
    expect(stepOf(next.service.list()[0] as Submission, step).state).toBe("finalized");
    const { state } = await toTheEnd(next, id);
    expect([state, await takenOf(first)]).toEqual(["revealed", [2, 1]]);
  },
);

test("a payment that a node called gone before its submission was abandoned is found by the next, and not made twice", async () => {
  const first = await bench();
  const { id } = await first.service.begin(first.order);
  await take(first, id, "stake");
  await first.close();
  const denied = first.open({}, denying);
  await denied.service.send(await signed({ ...first, ...denied }, id, "transfer"));
  first.node.mine(3);
  await until(denied.service, id, (now) => stepOf(now, "transfer").state === "expired");
  await denied.service.abandon(id);
  await denied.close();

  const { service } = first.open();
  expect(service.openPayments()).toEqual([]);
  await expect(service.begin(orderOf(first.host, first.miner))).rejects.toMatchObject({
    code: "conflict",
    message: expect.stringMatching(/^The transfer of the fee that submission .* sent is on the chain after all/),
  });
  const [payment] = service.openPayments();
  expect(payment).toMatchObject({ submissionId: id });
  const citing = { ...orderOf(first.host, first.miner), coldkey: null, payment: payment ?? null };
  expect((await service.begin(citing)).state).toBe("open");
  expect(await takenOf(first)).toEqual([2, 0]);
});

test("a payment that is not where a node said it is, by the node of now, is cited by nothing", async () => {
  const first = await bench();
  const { id } = await first.service.begin(first.order);
  await take(first, id, "stake");
  const { payment } = await take(first, id, "transfer");
  await first.close();
  const elsewhere = (chains: SubmissionNeeds["chains"]) =>
    lying(chains, (chain) => ({
      blockHashOf: async (block) => (block === payment?.block ? `0x${"ab".repeat(32)}` : chain.blockHashOf(block)),
    }));
  const { service, close } = first.open({}, elsewhere);
  const refusal = {
    code: "conflict",
    message: expect.stringMatching(/^The fee was paid in block \d+, .* another block/),
  };
  await expect(service.prepare(id)).rejects.toMatchObject(refusal);
  await service.abandon(id);
  const citing = { ...orderOf(first.host, first.miner), coldkey: null, payment };
  await expect(service.begin(citing)).rejects.toMatchObject(refusal);
  await close();
  expect((await first.open().service.begin(citing)).payment).toEqual(payment);
});

test("what one window ends, or prepares anew, can be signed in no other any more", async () => {
  const first = await bench();
  const { id } = await first.service.begin(first.order);
  await first.service.prepare(id);
  const signable = new Set<string>();
  const second = first.open({
    signing: {
      add: ({ signedBytes }) => signable.add(signedBytes),
      remove: ({ signedBytes }) => signable.delete(signedBytes),
    },
  });
  second.service.start();
  const before = [...signable];
  first.node.mine(3);
  await first.service.prepare(id);
  second.service.start();
  const now = [...signable];
  expect([before.length, now.length, now[0] === before[0]]).toEqual([1, 1, false]);
  await first.service.abandon(id);
  second.service.start();
  expect([...signable]).toEqual([]);
});

test("two windows that send the same step at once send it once", async () => {
  const first = await bench();
  const second = first.open();
  const { id } = await first.service.begin(first.order);
  const answer = await signed(first, id, "stake");
  const results = await Promise.allSettled([first.service.send(answer), second.service.send(answer)]);
  expect(results.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  expect(results.find((result) => result.status === "rejected")?.reason).toMatchObject({ code: "conflict" });
  first.node.mine(3);
  await until(first.service, id, (now) => stepOf(now, "stake").state === "finalized");
  expect(await takenOf(first)).toEqual([1, 0]);
});

test("two windows that prepare the same step at once: only what was given out last is taken", async () => {
  const first = await bench();
  const second = first.open();
  const { id } = await first.service.begin(first.order);
  const both = await Promise.all([first.service.prepare(id), second.service.prepare(id)]);
  const payloads = both.map((now) => stepOf(now, "stake").unsigned);
  const waiting = stepOf((await first.service.list())[0] as Submission, "stake").unsigned;
  expect(payloads).toContainEqual(waiting);
  if (waiting === null) throw new Error("nothing waits");
  const sent = await first.service.send({ id, step: "stake", signed: signatureOf(waiting, first.miner.coldkey) });
  expect(stepOf(sent, "stake").state).toBe("sent");
  first.node.mine(3);
  await until(first.service, id, (now) => stepOf(now, "stake").state === "finalized");
  expect(await takenOf(first)).toEqual([1, 0]);
});

test("two submissions with the same keys: the second is not begun before the first is over", async () => {
  const first = await bench();
  const second = first.open();
  const results = await Promise.allSettled([
    first.service.begin(first.order),
    second.service.begin(orderOf(first.host, first.miner)),
  ]);
  expect(results.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  const [begun] = first.service.list();
  expect(results.find((result) => result.status === "rejected")?.reason).toMatchObject({
    code: "conflict",
    message: expect.stringContaining(`Submission ${begun?.id} (train.py)`),
    hint: "Finish it, or abandon it.",
  });
  await first.service.abandon(begun?.id ?? "");
  expect((await second.service.begin(orderOf(first.host, first.miner))).state).toBe("open");
});

test.each(["breaksAfterSubmit", "mutedAfterSubmit", "losesExtrinsics"] as const)(
  "a node that %s costs nothing but time",
  async (fault) => {
    const of = await bench({
      paced: true,
      secondsPerBlock: 0.2,
      profile: { reveal_blocks: 100 },
      needs: { firstWordWithinMs: 50 },
    });
    const { id } = await of.service.begin(of.order);
    const answer = await signed(of, id, "stake");
    of.node.faults[fault] = true;
    await of.service.send(answer);
    of.node.faults[fault] = false;
    await until(of.service, id, (now) => stepOf(now, "stake").state === "finalized");
    expect(await takenOf(of)).toEqual([1, 0]);
  },
);

test("a fork takes an included step back; it is found in the other block", async () => {
  const of = await bench();
  const { id } = await of.service.begin(of.order);
  await of.service.send(await signed(of, id, "stake"));
  of.node.mine(1);
  const before = await until(of.service, id, (now) => stepOf(now, "stake").state === "included");
  of.node.fork(1);
  of.node.mine(4);
  const after = await until(of.service, id, (now) => stepOf(now, "stake").state === "finalized");
  const [was, is] = [before, after].map((now) => stepOf(now, "stake").inclusion?.blockHash);
  expect([was === is, await takenOf(of)]).toEqual([false, [1, 0]]);
});
