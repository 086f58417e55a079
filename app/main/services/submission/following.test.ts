/** What may go otherwise than it should, from the signature to the evaluation. */
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { Standings } from "../../../common/arena.ts";
import { CrusaderError } from "../../../common/errors.ts";
import { type Fee, SUBMISSION_STEPS, type Submission } from "../../../common/submission.ts";
import { Chains } from "../chain/index.ts";
import { UrlWatch } from "../hosting/index.ts";
import { encryptText } from "../timelock/index.ts";
import { type Bench, bench, orderOf, signatureOf, signed, stepOf, take, takenOf, until } from "./bench.ts";
import type { JudgedRun } from "./index.ts";

const OTHER = Buffer.from("def inner_steps(): pass\n");

async function committed(of: Bench): Promise<string> {
  const { id } = await of.service.begin(of.order);
  for (const step of SUBMISSION_STEPS) await take(of, id, step);
  return id;
}

/** Another commitment of the same hotkey, by another program. */
async function commitElsewhere({ node, miner, sendElsewhere }: Bench, text: string): Promise<void> {
  const round = node.chain.beacon.newestRound(node.chain.head.timestampMs) + 80;
  const encrypted = `0x${Buffer.from(encryptText(text, round, { beacon: node.beacon })).toString("hex")}`;
  await sendElsewhere({ kind: "set_commitment", netuid: 3, encrypted, revealRound: round }, miner.hotkey);
}

test("a hosted file that changes between preflight and signature: nothing is sent, what was paid is kept", async () => {
  const of = await bench();
  const { id } = await of.service.begin(of.order);
  await take(of, id, "stake");
  await take(of, id, "transfer");
  const answer = await signed(of, id, "commit");
  of.host.bytes = OTHER;
  await expect(of.service.send(answer)).rejects.toMatchObject({
    code: "conflict",
    message: expect.stringMatching(/is not the file that was judged.*Nothing was signed or sent/s),
  });
  await expect(of.service.prepare(id)).rejects.toMatchObject({ code: "conflict" });
  expect([await takenOf(of), of.service.list()[0]?.state]).toEqual([[2, 0], "open"]);
});

test("a signature of another key, and one of another payload, are refused", async () => {
  const of = await bench();
  const { id } = await of.service.begin(of.order);
  const { unsigned } = stepOf(await of.service.prepare(id), "stake");
  if (unsigned === null) throw new Error("nothing was prepared");
  const byAnother = signatureOf(unsigned, of.miner.hotkey);
  await expect(of.service.send({ id, step: "stake", signed: byAnother })).rejects.toMatchObject({
    code: "signature_refused",
  });
  const ofAnother = signatureOf({ ...unsigned, signedBytes: `${unsigned.signedBytes}00` }, of.miner.coldkey);
  await expect(of.service.send({ id, step: "stake", signed: ofAnother })).rejects.toMatchObject({
    code: "signature_refused",
  });
  await expect(
    of.service.send({ id, step: "commit", signed: signatureOf(unsigned, of.miner.coldkey) }),
  ).rejects.toMatchObject({ code: "conflict", message: expect.stringMatching(/^The turn is the stake of the fee's/) });
  expect([await takenOf(of), of.signable.size]).toEqual([[0, 0], 1]);
});

test("a fee that goes elsewhere than a person was shown begins nothing", async () => {
  const of = await bench();
  const fee = { ...(await of.service.dryRun(of.order)).preflight.fee } as Fee;
  const other = of.miner.coldkey.address;
  for (const reviewedFee of [null, { ...fee, destinationColdkey: other }, { ...fee, amountRao: "1" }]) {
    await expect(of.service.begin({ ...of.order, reviewedFee })).rejects.toMatchObject({
      code: "conflict",
      message: `The fee is another one than was shown: now 0.05 TAO (50,000,000 rao) to ${fee.destinationColdkey}. Nothing was begun.`,
    });
  }
  expect(of.service.list()).toEqual([]);
  expect((await of.service.begin({ ...of.order, reviewedFee: fee })).fee).toEqual(fee);
});

test("a payment of an abandoned submission is listed, cited once, and not again", async () => {
  const of = await bench();
  const { id } = await of.service.begin(of.order);
  await take(of, id, "stake");
  const { payment } = await take(of, id, "transfer");
  expect(of.service.openPayments()).toEqual([]);
  const abandoned = await of.service.abandon(id);
  expect([abandoned.state, abandoned.paymentIsOpen]).toEqual(["abandoned", true]);
  expect(of.service.openPayments()).toMatchObject([
    { ...payment, submissionId: id, amountRao: "50000000", coldkeyAddress: of.miner.coldkey.address, netuid: 3 },
  ]);

  const citing = { ...orderOf(of.host, of.miner), coldkey: null, payment };
  const again = await of.service.begin(citing);
  expect([again.steps.map(({ step }) => step), again.payment, of.service.openPayments()]).toEqual([
    ["commit"],
    payment,
    [],
  ]);
  const done = await take(of, again.id, "commit");
  expect(done.commitment).toBe(
    `${done.sha256.slice(0, 32)}:${payment?.block}:${payment?.extrinsicIndex}:${citing.url}`,
  );
  await expect(of.service.begin({ ...citing, url: `${citing.url}2` })).rejects.toMatchObject({ code: "conflict" });
  expect(await takenOf(of)).toEqual([2, 1]);
});

test("a payment that another program made is found on the chain, and cited with a warning", async () => {
  const of = await bench();
  const { id } = await of.service.begin(of.order);
  await take(of, id, "stake");
  const { payment } = await take(of, id, "transfer");
  const folder = mkdtempSync(join(tmpdir(), "crusader-submission-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const elsewhere = of.open({ dataFolder: folder });
  const preflight = elsewhere.service.preflight({ ...of.order, coldkey: null, payment });
  let last = null;
  for await (const now of preflight) last = now;
  expect(last?.checks.filter(({ id: check }) => check === "payment" || check === "balance")).toMatchObject([
    { state: "warn", message: expect.stringMatching(/is cited; whether a submission has used it/) },
    { state: "pass" },
  ]);
});

test("a commitment that the chain refuses: the payment stays", async () => {
  const of = await bench();
  const { id } = await of.service.begin(of.order);
  await take(of, id, "stake");
  await take(of, id, "transfer");
  of.node.faults.poolHeld = true;
  // They wait beside ours, where the preflight cannot see them, and leave no space.
  for (let count = 0; count < 8; count += 1) await commitElsewhere(of, `${"a".repeat(100)} ${count}`);
  await of.service.send(await signed(of, id, "commit"));
  of.node.faults.poolHeld = false;
  of.node.mine(3);
  const refused = await until(of.service, id, (now) => stepOf(now, "commit").state === "failed");
  expect(refused.problem?.message).toMatch(
    /^The chain refused the commitment in block \d+: Commitments.SpaceLimitExceeded. Nothing of it took effect.$/,
  );
  await expect(of.service.prepare(id)).rejects.toMatchObject({ code: "conflict" });
  const abandoned = await of.service.abandon(id);
  expect([abandoned.paymentIsOpen, await takenOf(of)]).toEqual([true, [2, 9]]);
});

test("another program takes the nonce: what was prepared is refused, and prepared again with the next one", async () => {
  const of = await bench();
  const { id } = await of.service.begin(of.order);
  const answer = await signed(of, id, "stake");
  await of.sendElsewhere(
    { kind: "add_stake", hotkey: of.node.owner.hotkey.address, netuid: 3, amountRao: "1000000000" },
    of.miner.coldkey,
  );
  const refused = await of.service.send(answer);
  expect(refused.problem?.message).toMatch(/^The node did not take the stake of the fee/);
  of.node.mine(3);
  const again = await until(of.service, id, (now) => stepOf(now, "stake").state === "expired");
  expect(again.problem?.message).toMatch(/the account has sent something else in its place/);
  await take(of, id, "stake");
  expect(await takenOf(of)).toEqual([2, 0]);
});

test("a payload that was signed and sent by another program is not prepared a second time", async () => {
  const of = await bench();
  const { id } = await of.service.begin(of.order);
  const { unsigned } = stepOf(await of.service.prepare(id), "stake");
  if (unsigned === null) throw new Error("nothing was prepared");
  const { chain, close } = await of.openChain();
  const { extrinsic } = await chain.assemble(unsigned, signatureOf(unsigned, of.miner.coldkey));
  const updates = chain.send(extrinsic, undefined);
  await updates.next();
  of.node.mine(3);
  await updates.return(undefined);
  await close();
  await expect(of.service.prepare(id)).rejects.toMatchObject({
    code: "conflict",
    message: expect.stringMatching(/seems to have been sent by another program/),
  });
  expect(await takenOf(of)).toEqual([1, 0]);
});

test("a reveal without its pulse is late, and comes when the pulse does", async () => {
  const of = await bench();
  const id = await committed(of);
  of.node.faults.pulsesStopped = true;
  of.node.mine(30);
  await until(of.service, id, ({ reveal }) => reveal?.state === "late");
  of.node.faults.pulsesStopped = false;
  of.node.mine(4);
  expect((await until(of.service, id, ({ state }) => state === "revealed")).reveal?.state).toBe("revealed");
});

test("a commitment that another program replaces has failed, and its payment can be cited", async () => {
  const of = await bench();
  const id = await committed(of);
  await commitElsewhere(of, "another text");
  of.node.mine(4);
  const failed = await until(of.service, id, ({ state }) => state === "failed");
  expect([failed.reveal?.state, failed.paymentIsOpen, failed.problem?.hint]).toEqual([
    "replaced",
    true,
    "Submit again, under a new URL. The payment is kept: a new submission can cite it.",
  ]);
});

test("a practice network that began anew is another chain: said, and not sent to", async () => {
  const of = await bench();
  const { id } = await of.service.begin(of.order);
  await take(of, id, "stake");
  await of.close();
  const other = await bench();
  const { service } = other.open({ dataFolder: of.dataFolder });
  await expect(service.prepare(id)).rejects.toMatchObject({
    code: "conflict",
    message: expect.stringMatching(/^"practice" is another chain than the one/),
  });
  expect((await service.abandon(id)).state).toBe("abandoned");
});

test("what lies at the URL is watched until it was evaluated; then a source of standings says what came of it", async () => {
  const found: { status: string | null } = { status: null };
  const standings: Standings = {
    standing: () => null,
    evaluationOf: ({ revealedBlock }) =>
      found.status === null || revealedBlock === null
        ? null
        : {
            source: "a source",
            submissionId: "v1_commit_1_2",
            status: found.status,
            score: 51.5,
            rank: 3,
            error: null,
            seenAt: "2026-11-21T12:00:00.000Z",
          },
  };
  const looks = Promise.withResolvers<void>();
  const urlWatch = new UrlWatch({ wait: () => looks.promise });
  const of = await bench({ needs: { standings, urlWatch } });
  const id = await committed({ ...of, order: { ...of.order, network: "ws://127.0.0.1:9" } });
  await until(of.service, id, ({ urlWatch: watched }) => watched.state === "same");
  of.host.bytes = OTHER;
  looks.resolve();
  const alarmed = await until(of.service, id, ({ urlWatch: watched }) => watched.state === "changed");
  expect(alarmed.urlWatch.message).toBe("Another file lies at the URL now.");
  of.node.mine(25);
  await until(of.service, id, ({ state }) => state === "revealed");
  found.status = "finished";
  of.node.mine(1);
  const evaluated = await until(of.service, id, ({ state }) => state === "evaluated");
  expect(evaluated.evaluated).toMatchObject({ status: "finished", score: 51.5, rank: 3 });
});

test("proofs for a dispute: every extrinsic with its place, as JSON and as a page", async () => {
  const bare = await bench();
  const of = { ...bare, order: { ...bare.order, network: "wss://node.example:443/v1/planted?key=planted" } };
  const id = await committed(of);
  const [submission] = of.service.list();
  const { text } = of.service.export({ format: "json" });
  const [proof] = JSON.parse(text).submissions;
  expect([proof.network, text.includes("planted")]).toEqual(["wss://node.example", false]);
  expect(proof).toMatchObject({ id, payment: submission?.payment, commitment: submission?.commitment });
  expect(
    proof.extrinsics.map(({ step, inclusion }: (typeof proof)["extrinsics"][0]) => [step, inclusion.block]),
  ).toEqual(submission?.steps.map(({ step, inclusion }) => [step, inclusion?.block]));
  const page = of.service.export({ ids: [id], format: "markdown" }).text;
  expect(page).not.toContain("planted");
  for (const { extrinsicHash } of submission?.steps ?? []) expect(page).toContain(extrinsicHash);
  expect(() => of.service.export({ ids: ["20260101-00000000"], format: "json" })).toThrow(CrusaderError);
});

test("a journal with a line of a newer Crusader is neither read nor gone on with; a torn one is left out", async () => {
  const of = await bench();
  const { id } = await of.service.begin(of.order);
  await take(of, id, "stake");
  await of.close();
  const journal = join(of.dataFolder, "submitted", id, "journal.jsonl");
  appendFileSync(journal, '\n{"kind":"sending","at":"2026');
  const torn = of.open();
  expect(stepOf(torn.service.list()[0] as never, "stake").state).toBe("finalized");
  await torn.close();
  appendFileSync(journal, '\n{"kind":"teleported"}\n');
  const before = readFileSync(journal, "utf8");
  const newer = of.open();
  expect(() => newer.service.list()).toThrow(/holds a line that this Crusader does not know/);
  await expect(newer.service.prepare(id)).rejects.toMatchObject({ code: "data_folder" });
  expect(readFileSync(journal, "utf8")).toBe(before);
});

test("a journal whose lines are damaged is gone on with by nobody: what was sent may be missing in it", async () => {
  const of = await bench();
  const { id } = await of.service.begin(of.order);
  await of.service.send(await signed(of, id, "stake"));
  await of.close();
  const journal = join(of.dataFolder, "submitted", id, "journal.jsonl");
  const whole = readFileSync(journal, "utf8");
  writeFileSync(journal, whole.replace('"kind":"sending"', '"kind":"sending'));
  const next = of.open();
  expect(() => next.service.list()).toThrow(/journal\.jsonl is damaged in line \d+\./);
  await expect(next.service.prepare(id)).rejects.toMatchObject({ code: "data_folder" });
  await expect(next.service.begin(of.order)).rejects.toMatchObject({ message: expect.stringContaining("is damaged") });
  // As it was, with a line after it of which a crash left zeros.
  writeFileSync(journal, `${whole}\n{"kind":"abando${"\0".repeat(20)}\n`);
  await next.close();
  const after = of.open();
  expect(stepOf(after.service.list()[0] as never, "stake").extrinsicHash).toMatch(/^0x/);
});

test("another node of the same chain goes on with it; one of another chain does not", async () => {
  const of = await bench();
  const { id } = await of.service.begin(of.order);
  await take(of, id, "stake");
  const other = await bench();
  const places = new Map([
    ["practice", of.node],
    ["ws://127.0.0.1:1", of.node],
    ["ws://127.0.0.1:2", other.node],
  ]);
  const chains = new Chains({
    resolve: (network) => {
      const { endpoint, beacon, secondsPerBlock } = places.get(network) ?? of.node;
      return { endpoint, beacon, secondsPerBlock };
    },
  });
  onTestFinished(() => chains.close());
  const { service } = of.open({}, () => chains);
  await expect(service.changeNetwork(id, "ws://127.0.0.1:1")).rejects.toMatchObject({ code: "conflict" });
  // The stake that is left is said, and whose it is.
  expect((await service.abandon(id)).problem).toMatchObject({
    message: expect.stringMatching(/^0\.05 TAO \(50,000,000 rao\) were staked for the fee and not transferred/),
    hint: expect.stringContaining(of.node.burn.hotkey.address),
  });

  const elsewhere = { ...of, service, order: { ...orderOf(of.host, of.miner), network: "ws://127.0.0.1:1" as const } };
  const begun = await service.begin(elsewhere.order);
  await expect(service.changeNetwork(begun.id, "ws://127.0.0.1:2")).rejects.toMatchObject({
    code: "conflict",
    message: expect.stringMatching(/is another chain than the one/),
  });
  await take(elsewhere, begun.id, "stake");
  expect((await service.changeNetwork(begun.id, "ws://127.0.0.1:3")).network).toBe("ws://127.0.0.1:3");
  await take(elsewhere, begun.id, "transfer");
  expect(await takenOf(of)).toEqual([3, 0]);
});

test("a laptop that was closed for hours: the node has forgotten the block's state, which is said; nothing is done twice", async () => {
  const of = await bench();
  const { id } = await of.service.begin(of.order);
  await of.service.send(await signed(of, id, "stake"));
  await of.close();
  of.node.mine(700);
  const { service } = of.open();
  const now = await until(service, id, ({ problem }) => problem !== null);
  expect([stepOf(now, "stake").state, now.problem?.hint]).toEqual([
    "unknown",
    expect.stringContaining("keeps an archive"),
  ]);
  await expect(service.prepare(id)).rejects.toMatchObject({ code: "chain_refused" });
  expect(await takenOf(of)).toEqual([1, 0]);
});

test("a run that is deleted from the history after the fee was paid strands no fee", async () => {
  const runs: { now: JudgedRun[] } = { now: [] };
  const of = await bench();
  const { id } = await of.service.begin(of.order);
  await of.close();
  const tidied = { ...of, ...of.open({ runsOf: () => runs.now }) };
  await take(tidied, id, "stake");
  expect(await takenOf(of)).toEqual([1, 0]);
});

test("a runtime that changes between preparing and sending: nothing is sent, and it is prepared for the new one", async () => {
  const of = await bench();
  const { id } = await of.service.begin(of.order);
  const answer = await signed(of, id, "stake");
  of.node.upgrade();
  of.node.mine(1);
  await expect(of.service.send(answer)).rejects.toMatchObject({ code: "chain_refused" });
  expect(await takenOf(of)).toEqual([0, 0]);
  const again = await take(of, id, "stake");
  expect([stepOf(again, "stake").state, await takenOf(of)]).toEqual(["finalized", [1, 0]]);
});

test("a signature that comes after its blocks, or after the round is out, is not sent", async () => {
  const of = await bench();
  const { id } = await of.service.begin(of.order);
  const late = await signed(of, id, "stake");
  of.node.mine(70);
  await expect(of.service.send(late)).rejects.toMatchObject({
    code: "conflict",
    message: expect.stringMatching(/^It was prepared for blocks up to \d+, and the chain is at 71/),
  });
  await take(of, id, "stake");
  await take(of, id, "transfer");
  const before = await signed(of, id, "commit");
  of.node.mine(18);
  await expect(of.service.send(before)).rejects.toMatchObject({
    code: "conflict",
    message: "The round that would reveal it is out, or about to be. Nothing was sent.",
  });
  const first = of.service.list()[0]?.commitment;
  const { commitment, reveal } = await take(of, id, "commit");
  const untilRevealMs = Date.parse(reveal?.time ?? "") - of.node.chain.head.timestampMs;
  expect([commitment === first, untilRevealMs > 150_000, await takenOf(of)]).toEqual([true, true, [2, 1]]);
});

test("the time to sign is told with each block; when it is over, nothing signs it and one word prepares it again", async () => {
  const of = await bench();
  const { id } = await of.service.begin(of.order);
  const prepared = stepOf(await of.service.prepare(id), "stake");
  const { lastBlock } = prepared.unsigned ?? expect.fail("it was prepared");
  const blocksLeft = lastBlock - of.node.chain.head.number;
  const time = new Date(of.node.chain.head.timestampMs + blocksLeft * 12_000).toISOString();
  expect([prepared.state, prepared.signBy]).toEqual(["unsigned", { block: lastBlock, blocksLeft, time }]);
  of.node.mine();
  const left = (of: Submission) => stepOf(of, "stake").signBy?.blocksLeft;
  const next = await until(of.service, id, (shown) => left(shown) === blocksLeft - 1);
  expect(stepOf(next, "stake")).toMatchObject({ state: "unsigned", signBy: { block: lastBlock, time } });
  of.node.mine(blocksLeft);
  const late = await until(of.service, id, (shown) => stepOf(shown, "stake").state === "expired");
  expect([stepOf(late, "stake").unsigned, left(late), late.problem, of.signable.size]).toEqual([null, 0, null, 0]);
  const again = stepOf(await of.service.prepare(id), "stake");
  expect(again).toMatchObject({ state: "unsigned", signBy: { blocksLeft: expect.any(Number) } });
  expect([(again.signBy?.blocksLeft ?? 0) > 50, of.signable.size]).toEqual([true, 1]);
  expect(stepOf(await take(of, id, "stake"), "stake").signBy).toBeNull();
});

test("a submission that cannot be found out holds up no other", async () => {
  const of = await bench();
  const { id } = await of.service.begin(of.order);
  await of.service.send(await signed(of, id, "stake"));
  await of.close();
  of.node.mine(700);
  const other = { ...of, ...of.open(), miner: await of.node.createMiner() };
  const { id: second } = await other.service.begin(orderOf(of.host, other.miner));
  const done = await take(other, second, "stake");
  const stuck = other.service.list().find((submission) => submission.id === id);
  expect([stepOf(done, "stake").state, stuck?.problem]).toEqual(["finalized", expect.anything()]);
});
