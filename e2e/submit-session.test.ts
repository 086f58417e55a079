import { EventEmitter } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeAddress } from "@polkadot/util-crypto";
import { expect, onTestFinished, test } from "vitest";
import type { UnsignedExtrinsic } from "../app/common/chain.ts";
import { CrusaderError } from "../app/common/errors.ts";
import { readPasted } from "../app/common/pasted-signature.ts";
import type { Signer } from "../app/common/wallets.ts";
import type { Keyboard } from "../app/main/cli/keyboard.ts";
import { SubmitSession, type SubmitSessionOptions, WaitsForSignature } from "../app/main/cli/submit-session.ts";
import { bench, stepOf } from "../app/main/services/submission/bench.ts";
import {
  readKey,
  SigningRequests,
  signPayload,
  WalletService,
  writeThrowawayWallet,
} from "../app/main/services/wallets/index.ts";

// Blocks at their own pace, as the session waits for them; rounds and intervals short.
const PACED = {
  paced: true,
  secondsPerBlock: 0.25,
  secondsPerRound: 1,
  profile: { reveal_blocks: 48, min_blocks_between_commits: 1, block_time: 0.25 },
};
const HOTKEY: Signer = { kind: "file", key: { place: "practice", wallet: "w", hotkey: "h" } };
const COLDKEY: Signer = { kind: "file", key: { place: "practice", wallet: "w", hotkey: null } };

/** A person at a keyboard: what is typed at each question, and all that is shown. */
function terminal(answers: readonly [question: RegExp, typed: string][]) {
  let shown = "";
  let unanswered = "";
  const left = [...answers];
  const keyboard = Object.assign(new EventEmitter(), {
    isTTY: true,
    setRawMode: () => keyboard,
    pause: () => keyboard,
    resume: () => {
      const [next] = left;
      if (next?.[0].test(unanswered) !== true) throw new Error(`nobody expected this question: ${unanswered}`);
      left.shift();
      unanswered = "";
      queueMicrotask(() => keyboard.emit("data", Buffer.from(next[1])));
      return keyboard;
    },
  });
  const write = (text: string) => {
    shown += text;
    unanswered += text;
  };
  const io = { stdout: { write }, stderr: { write } };
  return { io, keyboard: keyboard as unknown as Keyboard, shown: () => shown, left };
}

/** A wallet on the practice network, whose coldkey has a password if one is given, and the service that submits with it. */
async function walker({ password = null, coldkey = COLDKEY }: { password?: string | null; coldkey?: Signer } = {}) {
  const folder = mkdtempSync(join(tmpdir(), "crusader-wallets-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const written = await writeThrowawayWallet(folder, { wallet: "w", hotkey: "h" });
  const requests = new SigningRequests();
  const files = new WalletService({ folders: { practice: folder, bittensor: folder }, requests });
  const made = await bench({ ...PACED, needs: { addressOf: (key) => files.addressOf(key), signing: requests } });
  await made.node.admit({
    hotkey: decodeAddress(written.hotkeyAddress),
    coldkey: decodeAddress(written.coldkeyAddress),
    rao: 10_000_000_000n,
  });
  const wallets: SubmitSessionOptions["wallets"] = {
    needsPassword: (key) => key.hotkey === null && password !== null,
    sign: async (key, payload, given, signal) => {
      const isRight = key.hotkey !== null || given === password;
      if (!isRight) throw new CrusaderError("wrong_password", "That is not the password.");
      return files.sign(key, payload, null, signal);
    },
  };
  const elsewhere: Signer = { kind: "cold", address: written.coldkeyAddress };
  const order = { ...made.order, hotkey: HOTKEY, coldkey: coldkey === ELSEWHERE ? elsewhere : coldkey };
  const session = (options: Partial<SubmitSessionOptions>) =>
    new SubmitSession({
      submissions: made.service,
      wallets,
      io: terminal([]).io,
      keyboard: null,
      yes: false,
      signed: null,
      signal: new AbortController().signal,
      ...options,
    });
  /** What the machine with the coldkey prints. */
  const signElsewhere = async (unsigned: UnsignedExtrinsic): Promise<string> => {
    const key = await readKey(join(folder, "w", "coldkey"), null);
    return `0x${Buffer.from(await signPayload(key, Buffer.from(unsigned.signedBytes.slice(2), "hex"))).toString("hex")}`;
  };
  return { ...made, order, session, signElsewhere };
}

const ELSEWHERE: Signer = { kind: "cold", address: "" };

test("every step is shown, confirmed, signed and sent, until the commitment is revealed", async () => {
  const { order, session, service } = await walker({ password: "right" });
  const { io, keyboard, shown, left } = terminal([
    [/Sign and pay 0\.05 TAO\? Type yes and Enter: $/, "yes\r"],
    [/Password of the coldkey of the wallet w \(not shown\): $/, "wrong\r"],
    [/That is not the password\.\nPassword of the coldkey .*: $/s, "right\r"],
    [/Sign and transfer the stake\? .*: $/, "YES\r"],
    [/Password of the coldkey/, "right\r"],
    [/Sign and commit\? .*: $/, "yes\r"],
  ]);
  const walk = session({ io, keyboard });
  const begun = await walk.begin(order);
  const id = begun?.id ?? expect.fail("it was begun");
  expect(await walk.walk(id)).toMatchObject({ id, state: "committed" });
  const revealed = await walk.followReveal(id);
  expect(revealed).toMatchObject({ state: "revealed", reveal: { state: "revealed" }, problem: null });
  expect(revealed.reveal?.text).toBe(revealed.commitment);
  expect([left, service.list().length]).toEqual([[], 1]);
  expect(shown()).toMatch(
    /Step 1 of 3: Stake the fee.*0\.05 TAO \(50,000,000 rao\).*Step 2 of 3.*Step 3 of 3: Commit/s,
  );
  const time = /can be signed until block \d+: \d+ blocks?/.source;
  expect(shown()).toMatch(new RegExp(`Step 1 of 3.*${time}.*Step 2 of 3.*${time}.*Step 3 of 3.*${time}`, "s"));
  expect(shown()).toContain(`crusader submit --resume ${id}`);
  expect(shown()).not.toMatch(/wrong|right/);
});

test("a step that is not confirmed is not sent, and the next session goes on where it was", async () => {
  const { order, session, service } = await walker();
  const first = terminal([[/Sign and pay/, "no\r"]]);
  const one = session({ io: first.io, keyboard: first.keyboard });
  const begun = await one.begin(order);
  const id = begun?.id ?? expect.fail("it was begun");
  await expect(one.walk(id)).rejects.toMatchObject({
    code: "cancelled",
    message: "Not confirmed: nothing was signed or sent.",
  });
  expect(service.list()[0]?.steps.map(({ extrinsicHash }) => extrinsicHash)).toEqual([null, null, null]);
  const committed = await session({ yes: true }).walk(id);
  expect(committed).toMatchObject({ id, state: "committed" });
  expect(committed.steps.map(({ state }) => state)).toEqual(["finalized", "finalized", "finalized"]);
});

test("what blocks is shown, and nothing is begun", async () => {
  const { order, session, service, host } = await walker();
  host.bytes = Buffer.from("def inner_steps(): another");
  const { io, shown } = terminal([]);
  expect(await session({ io, yes: true }).begin(order)).toBeNull();
  expect(service.list()).toEqual([]);
  expect(shown()).toMatch(/Hosted file +BLOCKS +What lies there .* is not the file that was judged/);
});

test("without a terminal nothing is begun unless it is confirmed beforehand", async () => {
  const { order, session, service } = await walker();
  await expect(session({}).begin(order)).rejects.toMatchObject({
    code: "usage",
    message: "There is no terminal to confirm the steps; nothing was signed.",
  });
  expect(service.list()).toEqual([]);
});

test("a coldkey on another machine: its script is given out, and its answer goes on", async () => {
  const { order, session, service, signElsewhere } = await walker({ coldkey: ELSEWHERE });
  const begun = await session({ yes: true }).begin(order);
  const id = begun?.id ?? expect.fail("it was begun");
  const stopped = await session({ yes: true })
    .walk(id)
    .catch((error: unknown) => error);
  expect(stopped).toBeInstanceOf(WaitsForSignature);
  const { unsigned } = stepOf(service.list()[0] ?? expect.fail("it is kept"), "stake");
  if (unsigned === null) expect.fail("the stake waits for its signature");
  expect((stopped as WaitsForSignature).script).toContain(unsigned.signedBytes.slice(2));
  const pasted = readPasted(await signElsewhere(unsigned));
  const signed = pasted !== null && "signed" in pasted ? pasted.signed : expect.fail("a signature");
  const next = await session({ yes: true, signed })
    .walk(id)
    .catch((error: unknown) => error);
  expect(next).toBeInstanceOf(WaitsForSignature);
  const after = service.list()[0]?.steps.map(({ step, state }) => [step, state]);
  expect(after).toEqual([
    ["stake", "finalized"],
    ["transfer", "unsigned"],
    ["commit", "waiting"],
  ]);
});
