/** For tests: a submission with fee on its way, complete enough for everything to be said about it. */
import type { Inclusion, UnsignedExtrinsic } from "./chain.ts";
import type { ShownStep, Submission } from "./submission.ts";

const HOTKEY = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
const COLDKEY = "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty";
const OWNER = "5FLSigC9HGRKVhB9FiEo4Y3koPsNmBmLJbpXg2mp1hXcS59Y";

export const SAMPLE_ADDRESSES = { hotkey: HOTKEY, coldkey: COLDKEY, owner: OWNER };

export function sampleInclusion(change: Partial<Inclusion> = {}): Inclusion {
  return { blockHash: `0x${"ab".repeat(32)}`, block: 1234, index: 3, finalized: true, failure: null, ...change };
}

export function sampleUnsigned(call: UnsignedExtrinsic["call"]): UnsignedExtrinsic {
  return {
    call,
    decoded: { name: "SubtensorModule.add_stake", arguments: [] },
    payload: {
      address: COLDKEY,
      blockHash: `0x${"11".repeat(32)}`,
      blockNumber: "0x00000010",
      era: "0x0500",
      genesisHash: `0x${"22".repeat(32)}`,
      method: "0x0702",
      nonce: "0x00000000",
      specVersion: "0x00000157",
      tip: "0x00000000000000000000000000000000",
      transactionVersion: "0x00000001",
      signedExtensions: [],
      version: 4,
    },
    signedBytes: "0x0702",
    byteCount: 143,
    nonce: 0,
    firstBlock: 16,
    lastBlock: 80,
    specVersion: 343,
    feeRao: "0",
  };
}

export function sampleStep(step: ShownStep["step"], change: Partial<ShownStep> = {}): ShownStep {
  const isHotkeys = step === "commit";
  return {
    step,
    state: "waiting",
    signer: { kind: "file", key: { place: "practice", wallet: "miner", hotkey: isHotkeys ? "default" : null } },
    signerAddress: isHotkeys ? HOTKEY : COLDKEY,
    unsigned: null,
    signBy: null,
    extrinsicHash: null,
    nonce: null,
    inclusion: null,
    ...change,
  };
}

export function sampleSubmission(change: Partial<Submission> = {}): Submission {
  return {
    id: "20261121-100000-abcd",
    createdAt: "2026-11-21T10:00:00.000Z",
    network: "practice",
    genesisHash: `0x${"22".repeat(32)}`,
    profile: "production-2026-04",
    netuid: 3,
    fileName: "train.py",
    sha256: "c".repeat(64),
    runId: "12",
    url: "http://127.0.0.1:9000/train.py",
    hotkeyAddress: HOTKEY,
    fee: {
      amountRao: "50000000",
      neededRao: "150000000",
      burnUid: 1,
      burnHotkey: OWNER,
      destinationColdkey: OWNER,
      destinationFrom: "owner_of_burn_hotkey",
    },
    payment: null,
    paymentIsOpen: false,
    commitment: null,
    state: "open",
    steps: [sampleStep("stake"), sampleStep("transfer"), sampleStep("commit")],
    reveal: null,
    urlWatch: { state: "unchecked", checkedAt: null, message: "", hint: "" },
    evaluated: null,
    problem: null,
    ...change,
  };
}

export function sampleReveal(
  change: Partial<NonNullable<Submission["reveal"]>> = {},
): NonNullable<Submission["reveal"]> {
  return {
    round: 1000,
    time: "2026-11-21T10:04:00.000Z",
    blocksLeft: 20,
    state: "waiting",
    revealedBlock: null,
    text: null,
    ...change,
  };
}
