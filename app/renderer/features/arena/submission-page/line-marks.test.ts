import { expect, test } from "vitest";
import { explainedErrors } from "./explained.ts";
import { noteText, reviewMarks } from "./line-marks.ts";

const at = (line: number) => ({ line, column: 5, endLine: line, endColumn: 9 });

test("a finding marks each line that led to it, a technique each line that uses it", () => {
  const finding = {
    id: "warm-up-branch",
    title: "A branch on the warm-up",
    severity: "likely_exploit" as const,
    ...at(7),
    sentence: "It would do less in the timed run.",
    evidence: [
      { ...at(7), text: "if steps" },
      { ...at(3), text: "steps = 0" },
    ],
  };
  const technique = { id: "compile", title: "torch.compile", places: [{ ...at(9), text: "torch.compile(model)" }] };
  expect(reviewMarks({ findings: [finding], techniques: [technique] })).toEqual([
    {
      ...at(7),
      kind: "likely_exploit",
      text: "A branch on the warm-up (likely exploit). It would do less in the timed run.",
    },
    {
      ...at(3),
      kind: "likely_exploit",
      text: "A branch on the warm-up (likely exploit: what led to it). It would do less in the timed run.",
    },
    { ...at(9), kind: "technique", text: "Technique: torch.compile" },
  ]);
});

test("a note says its verdict and its words", () => {
  expect([
    noteText({ verdict: "exploit", text: "It skips tokens." }),
    noteText({ verdict: null, text: "why?" }),
    noteText({ verdict: "sound", text: "" }),
  ]).toEqual(["Noted: an exploit. It skips tokens.", "Noted. why?", "Noted: sound"]);
});

test("each of the validator's codes is explained once, and what is no code not at all", () => {
  const explained = explainedErrors([
    { error: "loss_mismatch: the loss differs", errorCode: "loss_mismatch" },
    { error: "loss_mismatch: again", errorCode: "loss_mismatch" },
    { error: "some words", errorCode: null },
    { error: "missing_inner_steps", errorCode: "missing_inner_steps" },
  ]);
  expect(explained.map(({ code, message }) => [code, message])).toEqual([
    ["loss_mismatch", "loss_mismatch: the loss differs"],
    ["missing_inner_steps", "missing_inner_steps"],
  ]);
  for (const { explanation } of explained) {
    expect(explanation.compared).not.toBe("");
    expect(explanation.causes.length).toBeGreaterThan(0);
  }
});
