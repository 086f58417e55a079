import { expect, test } from "vitest";
import type { Target } from "../../../common/simulation.ts";
import { PREFLIGHT_CHECKS, type Preflight, type SubmissionRequest } from "../../../common/submission.ts";
import {
  EMPTY_FORM,
  type Form,
  missingWords,
  requestOf,
  restoredForm,
  savedForm,
  shownMeanwhile,
  withNetwork,
} from "./form.ts";

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

const REQUEST: SubmissionRequest = {
  target: { kind: "file", file: { folderId: "f1", name: "train.py" } },
  profile: "production-2026-04",
  network: "practice",
  url: "https://a.example/b",
  hotkey: { kind: "cold", address: "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY" },
  coldkey: null,
  payment: null,
};
const WHOLE: Preflight = {
  checks: PREFLIGHT_CHECKS.map((id) => ({ id, state: "pass", message: "Well.", hint: "" })),
  canSubmit: true,
  sha256: "c".repeat(64),
  fileName: "train.py",
  byteCount: 100,
  runIds: ["1"],
  commitment: null,
  fee: null,
  hotkeyAddress: null,
  uid: 2,
  opensAt: null,
  reveal: null,
  checkedAt: "2026-11-21T10:00:00.000Z",
};

test("an answer stays for its own request; for another of the same file, its place stays; for another file, nothing", () => {
  const before = { preflight: WHOLE, of: REQUEST };
  const otherFile = { ...REQUEST, target: { kind: "run" as const, runId: "7" } };
  expect([
    shownMeanwhile(before, { ...REQUEST }),
    shownMeanwhile(before, { ...REQUEST, url: "https://a.example/c" }),
    shownMeanwhile(before, otherFile),
    shownMeanwhile({ ...before, preflight: null }, REQUEST),
    shownMeanwhile(null, REQUEST),
  ]).toEqual([
    WHOLE,
    {
      ...WHOLE,
      canSubmit: false,
      checks: PREFLIGHT_CHECKS.map((id) => ({ id, state: "pending", message: "", hint: "" })),
    },
    null,
    null,
    null,
  ]);
});
