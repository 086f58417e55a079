import { ApiPromise, WsProvider } from "@polkadot/api";
import { blake2AsU8a } from "@polkadot/util-crypto";
import { expect, onTestFinished, test } from "vitest";
import { encryptText } from "../timelock/index.ts";
import { PracticeNode, type PracticeNodeOptions } from "./index.ts";

async function bench(options: PracticeNodeOptions = {}) {
  const node = await PracticeNode.start({ paced: false, secondsPerBlock: 12, ...options });
  onTestFinished(() => node.stop());
  // The client's own types know no `exactOptionalPropertyTypes`.
  const provider = new WsProvider(node.endpoint) as never;
  const api = await ApiPromise.create({ provider, noInitWarn: true });
  onTestFinished(() => api.disconnect());
  return { node, api };
}

test("a client of the real network connects, reads, commits, and sees it included, final and revealed", async () => {
  const { node, api } = await bench();
  const { hotkey, uid } = await node.createMiner();
  expect([uid, (await api.query.subtensorModule?.uids?.(3, hotkey.address))?.toJSON()]).toEqual([2, 2]);
  const round = node.chain.beacon.newestRound(node.chain.head.timestampMs) + 8;
  const encrypted = encryptText("a text", round, { beacon: node.beacon });
  const call = api.tx.commitments?.setCommitment?.(3, {
    fields: [{ TimelockEncrypted: { encrypted: `0x${Buffer.from(encrypted).toString("hex")}`, revealRound: round } }],
  });
  if (call === undefined) throw new Error("the call is missing");
  const signer = {
    signRaw: async ({ data }: { data: string }) => {
      const bytes = Buffer.from(data.slice(2), "hex");
      const message = bytes.length > 256 ? blake2AsU8a(bytes) : bytes;
      return { id: 1, signature: `0x01${Buffer.from(hotkey.sign(message)).toString("hex")}` as const };
    },
  };
  const statuses: string[] = [];
  const isFinal = Promise.withResolvers<unknown[]>();
  await call.signAndSend(hotkey.address, { signer, nonce: -1, era: 64 }, (result) => {
    statuses.push(result.status.type);
    if (result.status.type === "Ready") node.mine();
    if (result.status.type === "InBlock") node.mine(2);
    if (result.status.isFinalized)
      isFinal.resolve(result.events.map(({ phase, event }) => [phase.toString(), event.method]));
  });
  const events = ["TimelockCommitment", "ExtrinsicSuccess"].map((name) => ['{"applyExtrinsic":1}', name]);
  expect([await isFinal.promise, statuses]).toEqual([events, ["Ready", "InBlock", "Finalized"]]);

  node.mine(3);
  const revealed = await api.query.commitments?.revealedCommitments?.(3, hotkey.address);
  const bytes = Buffer.from("a text");
  expect(revealed?.toJSON()).toEqual([
    [`0x${Buffer.concat([Buffer.of(bytes.length << 2), bytes]).toString("hex")}`, 4],
  ]);
  expect((await api.query.commitments?.commitmentOf?.(3, hotkey.address))?.toJSON()).toBeNull();
});
