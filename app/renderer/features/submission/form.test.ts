import { expect, test } from "vitest";
import type { Target } from "../../../common/simulation.ts";
import { EMPTY_FORM, type Form, missingWords, requestOf, restoredForm, savedForm, withNetwork } from "./form.ts";

const TARGET: Target = { kind: "file", file: { folderId: "f1", name: "train.py" } };
const ADDRESS = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
const FILLED: Form = {
  network: "practice",
  profile: null,
  url: " http://127.0.0.1:9/train.py ",
  hotkey: { kind: "file", key: { place: "practice", wallet: "miner", hotkey: "default" } },
  coldkey: { kind: "cold", address: ADDRESS },
  payment: null,
};

test("a request is what was filled in; a payment that is cited needs nobody who pays", () => {
  expect([
    requestOf(FILLED, TARGET, "production"),
    requestOf({ ...FILLED, payment: { block: 7, extrinsicIndex: 2 } }, TARGET, "production"),
    requestOf({ ...FILLED, hotkey: null }, TARGET, "production"),
  ]).toEqual([
    {
      target: TARGET,
      profile: "production",
      network: "practice",
      url: "http://127.0.0.1:9/train.py",
      hotkey: FILLED.hotkey,
      coldkey: FILLED.coldkey,
      payment: null,
    },
    expect.objectContaining({ coldkey: null, payment: { block: 7, extrinsicIndex: 2 } }),
    null,
  ]);
});

test("what is missing is named from the top of the page", () => {
  expect([
    missingWords(EMPTY_FORM, null, "production"),
    missingWords(EMPTY_FORM, TARGET, null),
    missingWords(EMPTY_FORM, TARGET, "production"),
    missingWords({ ...EMPTY_FORM, url: "https://a.example/b" }, TARGET, "production"),
    missingWords(FILLED, TARGET, "production"),
  ]).toEqual([
    "Open the file in the editor, or choose it in the explorer.",
    "No profile scores submissions.",
    "Give the URL where the file lies.",
    "Choose the hotkey that commits.",
    null,
  ]);
});

test("keys and URL of the practice network go nowhere else, and the other way round", () => {
  const onFinney = withNetwork(FILLED, "finney");
  const filled = { ...onFinney, url: "https://a.example/b", hotkey: { kind: "cold" as const, address: ADDRESS } };
  const paid = { ...filled, payment: { block: 7, extrinsicIndex: 2 } };
  expect([onFinney, withNetwork(paid, "test"), withNetwork(FILLED, "practice")]).toEqual([
    { ...FILLED, network: "finney", hotkey: null, coldkey: null, url: "" },
    { ...filled, network: "test" },
    FILLED,
  ]);
});

test("what was kept comes back; whatever else the settings hold is as if it were not there", () => {
  expect([
    restoredForm(JSON.parse(JSON.stringify(savedForm(FILLED)))),
    restoredForm(undefined),
    restoredForm({ network: 3, profile: [], hotkey: { kind: "file", key: { place: "elsewhere" } }, coldkey: "x" }),
  ]).toEqual([{ ...FILLED, url: "" }, EMPTY_FORM, EMPTY_FORM]);
});
