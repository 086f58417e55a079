import { expect, test } from "vitest";
import type { Check, CheckName, Failure, ValidatorCode } from "./events.ts";
import { FAILURE_KINDS, VALIDATOR_CODES } from "./events.ts";
import { type ExplainedRepeat, explainFailure } from "./explain.ts";

const PROFILE = { benchmark_batch_size: 4, benchmark_sequence_length: 128, eval_steps: 20 };

function failure(code: ValidatorCode | null, overrides: Partial<Failure> = {}): Failure {
  return {
    kind: code === null ? "exception" : "check",
    code,
    fault: "submission",
    message: "It failed.",
    hint: "",
    stage: "checks",
    rank: null,
    line: null,
    detail: "",
    ...overrides,
  };
}

function check(name: CheckName, overrides: Partial<Check>): Check {
  return {
    name,
    state: "passed",
    value: null,
    limit: null,
    rule: "at_most",
    unit: "",
    used: null,
    productionLimit: null,
    code: null,
    message: "",
    ...overrides,
  };
}

function repeat(failed: Failure | null, overrides: Partial<ExplainedRepeat> = {}): ExplainedRepeat {
  return {
    failure: failed,
    checks: [],
    notes: [],
    numRanks: 2,
    strategy: { dp_size: 2, tp_size: 1 },
    parameters: 1_000_000,
    ...overrides,
  };
}

const first = (explained: ExplainedRepeat) => explainFailure(explained, PROFILE)?.causes[0];

test("every code and every kind is explained", () => {
  const kinds = FAILURE_KINDS.map((kind) => explainFailure(repeat(failure(null, { kind })), PROFILE));
  const codes = VALIDATOR_CODES.map((code) => explainFailure(repeat(failure(code)), PROFILE));
  expect([...kinds, ...codes].filter((explanation) => (explanation?.compared ?? "") === "")).toEqual([]);
});

test("a repeat that passed needs no explanation", () => {
  expect(explainFailure(repeat(null), PROFILE)).toBeNull();
});

test("likely causes come before possible ones, and a fatal code ends the series", () => {
  const explanation = explainFailure(
    repeat(failure("loss_mismatch"), { checks: [check("weights", { state: "passed" })] }),
    PROFILE,
  );
  const likelihoods = explanation?.causes.map(({ likelihood }) => likelihood) ?? [];
  expect(likelihoods).toEqual(likelihoods.toSorted((a, b) => (a === b ? 0 : a === "likely" ? -1 : 1)));
  expect(likelihoods[0]).toBe("likely");
  expect(explanation?.endsSeries).toBe(false);
  expect(explainFailure(repeat(failure("timer_tampering")), PROFILE)?.endsSeries).toBe(true);
});

test("weights off while the loss is close: the update rule", () => {
  const checks = [
    check("params_changed", { value: 0.98, limit: 0.75, rule: "at_least" }),
    check("loss", { value: 0.01, limit: 0.4, used: 0.025 }),
    check("weights", { state: "failed", value: 0.021, limit: 0.005, used: 4.2 }),
  ];
  expect(first(repeat(failure("weight_mismatch"), { checks }))).toEqual({
    likelihood: "likely",
    text: "The update rule is another than the reference's.",
    evidence:
      "The weights are 4.2 times as far off as allowed, while the loss is close (3 % of its limit used) and 98 % of the parameters changed.",
    advice:
      "Compare with the reference: AdamW, learning rate 1e-4, weight decay 0.1, betas 0.9 and 0.95, no schedule, no gradient clipping.",
  });
});

test("weights off and a batch not drawn: a step is missing", () => {
  const note = { level: "finding", id: "batches_drawn", message: "Rank 0 drew 19 batches.", line: null } as const;
  const checks = [check("loss", { used: 0.01 }), check("weights", { state: "failed", used: 1.1 })];
  expect(first(repeat(failure("weight_mismatch"), { checks, notes: [note] }))).toMatchObject({
    text: "The timed run did not train on one batch a step.",
    evidence: "Rank 0 drew 19 batches.",
  });
});

test("weights off and few parameters changed: something is frozen", () => {
  const checks = [
    check("params_changed", { value: 0.77, limit: 0.75 }),
    check("weights", { state: "failed", used: 2 }),
  ];
  expect(first(repeat(failure("weight_mismatch"), { checks }))).toMatchObject({
    text: "Part of the model was not trained.",
    evidence: "77 % of the parameter elements changed; 75 % must.",
  });
});

test("weights and loss off: other data", () => {
  const checks = [
    check("loss", { state: "failed", used: 2, message: "final_loss 6.1000, reference 5.0000." }),
    check("weights", { state: "failed", used: 5 }),
  ];
  expect(first(repeat(failure("weight_mismatch"), { checks }))?.text).toBe(
    "The model was trained on other data, or for another number of steps.",
  );
});

test.each([
  [1.5, "The loss was divided by 4, as for accumulation, and not put together again."],
  [12, "The loss is a sum over 2 parts instead of their mean."],
  [6.9, "The training is right, only the number reported as final_loss is another."],
])("a loss of %d where the reference has 6 and the weights match", (loss, text) => {
  const message = `final_loss ${loss.toFixed(4)}, reference 6.0000.`;
  const checks = [check("loss", { state: "failed", message }), check("weights", { state: "passed" })];
  expect(first(repeat(failure("loss_mismatch"), { checks }))?.text).toBe(text);
});

test.each([
  [2 * 4 * 128 * 20, "The tokens of all data groups were added up."],
  [4 * 127 * 20, "The shifted labels were counted, one token a row short."],
  [4 * 128 * 19, "The tokens of 19 instead of 20 steps were counted."],
  [123, "Something else than this rank's own tokens was counted."],
])("%d tokens", (counted, text) => {
  const checks = [check("tokens", { state: "failed", value: counted, limit: 10_240 })];
  expect(first(repeat(failure("token_count_mismatch"), { checks }))?.text).toBe(text);
});

test("a sequence one too long was not shifted; a shorter one was cut", () => {
  const of = (value: number) =>
    first(
      repeat(failure("sequence_truncation"), { checks: [check("sequence", { state: "failed", value, limit: 127 })] }),
    )?.text;
  expect([of(128), of(64)]).toEqual([
    "The model was given whole rows, also their last token.",
    "The sequences were cut, or split between ranks.",
  ]);
});

test("a vocabulary's shard is known by its size", () => {
  const checks = [check("vocabulary", { state: "failed", value: 512, limit: 1024 })];
  const shared = repeat(failure("invalid_logits_shape"), { checks, strategy: { dp_size: 1, tp_size: 2 } });
  expect(first(shared)?.text).toBe("Each tensor-parallel rank returned its own part of the vocabulary.");
});

test("an exception's own words name the cause", () => {
  const detail = "Traceback ...\nAttributeError: 'NoneType' object has no attribute 'zero_grad'\n";
  expect(first(repeat(failure(null, { detail })))).toMatchObject({
    text: "The optimizer passed in was used; it is always None.",
    evidence: "'NoneType' object has no attribute 'zero_grad'",
  });
});

test("a result that cannot be right is not the file's own fault for sure", () => {
  const doubted = failure(null, { kind: "protocol", fault: "environment", message: "It cannot be right: 9 s of 5 s." });
  const causes = [doubted, failure(null, { kind: "protocol" })].map(
    (each) => explainFailure(repeat(each), PROFILE)?.causes,
  );
  expect(causes).toEqual([
    [
      {
        likelihood: "possible",
        text: "Production's code gave a result that cannot be right: something in its process changed it, or this revision counts otherwise.",
        evidence: "It cannot be right: 9 s of 5 s.",
        advice: "Judge the file by Crusader's own evaluation, whose result no submission can reach.",
      },
    ],
    [
      {
        likelihood: "possible",
        text: "The file wrote to a channel that is not its own.",
        evidence: "",
        advice: "Print to stdout only.",
      },
    ],
  ]);
});
