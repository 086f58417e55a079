import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { bench, CODE, stepOf, take, until } from "./bench.ts";

const SHA256 = createHash("sha256").update(CODE).digest("hex");

test("a first submission, from the preflight over the fee to the reveal", async () => {
  const of = await bench();
  const { service, node, miner, order } = of;
  const begun = await service.begin(order);
  expect(begun).toMatchObject({
    state: "open",
    sha256: SHA256,
    runId: "7",
    payment: null,
    fee: {
      amountRao: "50000000",
      burnHotkey: node.burn.hotkey.address,
      destinationColdkey: node.burn.coldkey.address,
      destinationFrom: "owner_of_burn_hotkey",
    },
    steps: [
      { step: "stake", state: "waiting" },
      { step: "transfer", state: "waiting" },
      { step: "commit", state: "waiting" },
    ],
  });

  await take(of, begun.id, "stake");
  const paid = await take(of, begun.id, "transfer");
  const { inclusion } = stepOf(paid, "transfer");
  expect(paid.payment).toEqual({ block: inclusion?.block, extrinsicIndex: inclusion?.index });

  const committed = await take(of, begun.id, "commit");
  const text = `${SHA256.slice(0, 32)}:${paid.payment?.block}:${paid.payment?.extrinsicIndex}:${order.url}`;
  expect(committed).toMatchObject({ state: "committed", commitment: text, reveal: { state: "waiting", text: null } });

  node.mine(25);
  const revealed = await until(service, begun.id, ({ state }) => state === "revealed");
  expect(revealed.reveal).toMatchObject({ state: "revealed", text });
  expect(miner.uid).toBe(2);
});
