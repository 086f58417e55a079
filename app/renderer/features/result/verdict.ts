/** A run's verdict in words. Pure. */
import type { Check } from "../../../common/events.ts";
import { formatInteger, formatMfu, formatQuantity, formatRelativeSpeed } from "../../../common/format.ts";
import type { RunRecord, RunResult } from "../../../common/runs.ts";
import { lowMedian } from "../../../common/score.ts";
import type { Mark } from "../../shell/ui/verdict-mark.tsx";

export type Verdict = {
  mark: Mark;
  /** "Passed", "Failed" ... */
  word: string;
  /** The whole of it in one sentence. */
  sentence: string;
  /** Why the score is none of the leaderboard's; empty where it is one. */
  notComparable: string[];
};

export function verdictOf({ state, plan, result }: Pick<RunRecord, "state" | "plan" | "result">): Verdict {
  if (state === "running") return plain("running", "Running", "The run is under way.");
  if (result === null) {
    return plain(
      "interrupted",
      "Interrupted",
      "The run's process ended without a result; nothing can be said of the file.",
    );
  }
  const { outcome, failure, notComparable } = result;
  if (outcome === "cancelled")
    return plain("cancelled", "Cancelled", "The run was cancelled before there was a verdict.");
  if (outcome === "error") {
    return plain(
      "error",
      "Not judged",
      `${failure?.message ?? "The evaluation itself failed."} This says nothing of the file.`,
    );
  }
  if (outcome === "failed") {
    const why = failure?.message ?? "too few repeats passed.";
    // The scan is production's own, whatever the profile; its message says who rejects.
    if (failure?.kind === "scan") return plain("failed", "Failed", why);
    const code = failure?.code ?? null;
    const named = code === null ? "The validator would reject this" : `The validator would reject this with ${code}`;
    return { ...plain("failed", "Failed", `${named}: ${why}`), notComparable };
  }
  if (notComparable.length === 0) {
    return plain("passed", "Passed", `The validator would accept this, at ${scoreText(result)}.`);
  }
  return {
    mark: "notComparable",
    word: "Passed",
    sentence: `Every check passed under ${plan.profile.kind === "rehearsal" ? "a rehearsal" : "this run's conditions"}: ${scoreText(result)}.`,
    notComparable,
  };
}

function plain(mark: Mark, word: string, sentence: string): Verdict {
  return { mark, word, sentence, notComparable: [] };
}

/** "61.20 % MFU", or "x 1.57 of the reference run's speed, not a score". */
export function scoreText({ score, notComparable }: Pick<RunResult, "score" | "notComparable">): string {
  if (score === null) return "not timed";
  const notAScore = notComparable.length > 0 ? ", not a score" : "";
  return score.kind === "mfu_percent"
    ? `${formatMfu(score.value)} MFU${notAScore}`
    : `${formatRelativeSpeed(score.value)} of the reference run's speed${notAScore}`;
}

const CHECK_TITLES: Record<Check["name"], string> = {
  functional: "cross entropy",
  deferred_state: "state read in time",
  clocks: "clocks",
  model_config: "model config",
  backend_state: "backend settings",
  result_type: "result type",
  logits: "logits",
  sequence: "sequence",
  vocabulary: "vocabulary",
  final_state: "final state",
  params_changed: "parameters changed",
  plausible_mfu: "plausible MFU",
  tokens: "tokens",
  loss: "loss difference",
  weights: "weights",
  min_mfu: "least MFU",
};

export function checkTitle(name: Check["name"]): string {
  return CHECK_TITLES[name];
}

/** Units that only name the kind of number are told by the row's title. */
const BARE_UNITS = new Set(["relative", "difference"]);

function quantity(value: Check["value"], unit: string): string {
  if (value === null) return "-";
  if (typeof value === "string") return value;
  if (unit === "share") return formatQuantity(100 * value, "%");
  if (unit === "% MFU") return formatMfu(value);
  return formatQuantity(value, BARE_UNITS.has(unit) ? "" : unit);
}

export type CheckCells = {
  /** "0.0031 of 0.0150", "98.20 % of 75.00 % min", "40,960 = 40,960". */
  value: string;
  /** "21 % used"; empty where it has no meaning. */
  used: string;
  /** "production: 0.0150", where its limit is another. */
  production: string;
};

export function checkCells(check: Check): CheckCells {
  const { state, value, limit, rule, unit, used, productionLimit } = check;
  if (state === "not_measured") return { value: "not measured", used: "", production: "" };
  const [shown, most] = [quantity(value, unit), quantity(limit, unit)];
  const told: Record<Check["rule"], string> = {
    at_most: `${shown} of ${most}`,
    at_least: `${shown} of ${most} min`,
    // What is counted is in the row's title.
    equal: value === limit ? `${quantity(value, "")} = ${quantity(limit, "")}` : `${shown}, expected ${most}`,
    holds: shown,
  };
  return {
    value: told[rule],
    used: used === null ? "" : `${usedPercent(used)} used`,
    production:
      productionLimit === null || productionLimit === limit ? "" : `production: ${quantity(productionLimit, unit)}`,
  };
}

function usedPercent(used: number): string {
  if (!Number.isFinite(used) || used > 99.99) return "over 9,999 %";
  if (used > 0 && used < 0.01) return "under 1 %";
  return `${formatInteger(100 * used)} %`;
}

/** "median [min..max] n=3"; empty for none. */
export function spreadText(values: readonly number[], shown: (value: number) => string): string {
  const median = lowMedian(values);
  if (median === undefined) return "";
  if (values.length === 1) return `${shown(median)} n=1`;
  return `${shown(median)} [${shown(Math.min(...values))}..${shown(Math.max(...values))}] n=${values.length}`;
}

/** Index of the repeat whose story tells the verdict: the one that failed, else the one whose value is the score. */
export function decisiveRepeat(result: RunResult): number {
  const { failure, score, repeats } = result;
  const found = repeats.findIndex((repeat) =>
    failure === null
      ? repeat.outcome === "passed" &&
        (score?.kind === "mfu_percent" ? repeat.mfuPercent : repeat.relativeSpeed) === score?.value
      : repeat.failure?.message === failure.message && repeat.failure.code === failure.code,
  );
  return Math.max(0, found);
}
