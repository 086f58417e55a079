/** The messages and words that the judge's language and this one share; `tests/test_events.py` reads the same files. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import {
  CHECKS,
  eventSchema,
  FAILURE_KINDS,
  FATAL_CODES,
  GPU_QUANTITIES,
  PRODUCTION_STAGES,
  STAGES,
  THROTTLE_REASONS,
  VALIDATOR_CODES,
} from "./events.ts";

const fixture = (name: string) =>
  readFileSync(fileURLToPath(new URL(`../../fixtures/events/${name}`, import.meta.url)), "utf8");
const golden: unknown[] = fixture("golden.jsonl")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line));

test("every golden message is understood, whole: no key is unknown, none is missing", () => {
  expect(golden.map((message) => eventSchema.parse(message))).toEqual(golden);
});

test("the golden messages show every type and variant", () => {
  const events = golden.map((message) => eventSchema.parse(message));
  const variants = new Set(
    events.map((event) => {
      if (event.type === "stage" || event.type === "check") return `${event.type} ${event.state}`;
      if (event.type === "note") return `note ${event.level}`;
      return event.type === "result" ? `result ${event.outcome}` : event.type;
    }),
  );
  expect(variants).toEqual(
    new Set([
      ...["stage running", "stage passed", "stage failed", "stage skipped"],
      "progress",
      ...["check passed", "check not_measured", "check failed"],
      "metric",
      ...["note info", "note warning", "note finding"],
      ...["gpu_devices", "gpus"],
      ...["result passed", "result failed", "result error", "result cancelled"],
    ]),
  );
});

test("both languages know the same words", () => {
  expect({
    stages: STAGES,
    productionStages: PRODUCTION_STAGES,
    checks: CHECKS,
    validatorCodes: VALIDATOR_CODES,
    failureKinds: FAILURE_KINDS,
    gpuQuantities: GPU_QUANTITIES,
    throttleReasons: THROTTLE_REASONS,
  }).toEqual(JSON.parse(fixture("vocabulary.json")));
  expect(FATAL_CODES.filter((code) => !VALIDATOR_CODES.includes(code))).toEqual([]);
});

test.each<[string, object]>([
  ["another version", { v: 2 }],
  ["an unknown type", { type: "verdict" }],
  ["an unknown stage", { stage: "lunch" }],
  ["a missing key", { seconds: undefined }],
  ["a number that is none", { t: "soon" }],
])("%s is refused", (_name, change) => {
  expect(eventSchema.safeParse({ ...(golden[0] as object), ...change }).success).toBe(false);
});
