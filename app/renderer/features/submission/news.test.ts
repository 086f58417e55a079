import { expect, test } from "vitest";
import { sampleInclusion, sampleReveal, sampleStep, sampleSubmission } from "../../../common/sample-submission.ts";
import { newsOf } from "./news.ts";

const ID = sampleSubmission().id;
const payment = { block: 1234, extrinsicIndex: 3 };

test("each change is told once, from the payment to the evaluation", () => {
  const committed = sampleSubmission({
    payment,
    state: "committed",
    steps: [sampleStep("transfer"), sampleStep("commit", { state: "finalized", inclusion: sampleInclusion() })],
    reveal: sampleReveal(),
  });
  const evaluated = {
    source: "api",
    submissionId: "v1_1",
    status: "failed_evaluation",
    score: null,
    rank: null,
    error: "weight_mismatch",
    seenAt: "2026-11-21T12:00:00.000Z",
  };
  const history = [
    sampleSubmission(),
    sampleSubmission({ payment }),
    committed,
    { ...committed, state: "revealed" as const, reveal: sampleReveal({ state: "revealed" as const }) },
    { ...committed, state: "evaluated" as const, evaluated },
  ];
  expect(history.slice(1).map((now, index) => newsOf(history.slice(index, index + 1), [now]))).toEqual([
    [
      {
        submissionId: ID,
        topic: "progress",
        kind: "success",
        title: "train.py: the fee is paid",
        message: "Proof: block 1,234, extrinsic 3.",
      },
    ],
    [
      {
        submissionId: ID,
        topic: "progress",
        kind: "success",
        title: "train.py is committed",
        message: "In block 1,234. Leave the hosted file as it is until it was evaluated.",
      },
    ],
    [
      {
        submissionId: ID,
        topic: "progress",
        kind: "success",
        title: "train.py is revealed",
        message: "The chain shows what was meant.",
      },
    ],
    [
      {
        submissionId: ID,
        topic: "progress",
        kind: "warning",
        title: "train.py was evaluated",
        message: "failed_evaluation: weight_mismatch",
      },
    ],
  ]);
});

test("trouble is told, what stays is not, and neither is what this window has not seen before", () => {
  const before = sampleSubmission({ state: "committed", reveal: sampleReveal() });
  const problem = { message: "The node is out of reach.", hint: "It is asked again." };
  const changed = {
    ...before,
    problem,
    urlWatch: {
      state: "changed" as const,
      checkedAt: null,
      message: "It is another file.",
      hint: "Put the committed bytes back.",
    },
  };
  expect([
    newsOf([before], [changed]),
    newsOf([changed], [changed]),
    newsOf([], [changed]),
    newsOf([changed], []),
  ]).toEqual([
    [
      {
        submissionId: ID,
        topic: "url",
        kind: "error",
        title: "train.py: the hosted file has changed",
        message: "It is another file. Put the committed bytes back.",
      },
      {
        submissionId: ID,
        topic: "problem",
        kind: "warning",
        title: "train.py: The node is out of reach.",
        message: "It is asked again.",
      },
    ],
    [],
    [],
    [],
  ]);
});
