/**
 * Two runs side by side: what changed in code, configuration and environment, and whether B is faster than A by more than
 * the noise. Pure.
 */
import { createTwoFilesPatch, FILE_HEADERS_ONLY } from "diff";
import { evaluationText, originText } from "./format.ts";
import type { RepeatResult, RunRecord } from "./runs.ts";
import { lowMedian } from "./score.ts";

/** A run with the source it judged. */
export type ComparedRun = Pick<RunRecord, "plan" | "result"> & { source: string };

/** One leaf that differs; undefined where that side has no such key. */
export type Change = { path: string; a: unknown; b: unknown };

export type Side = { runId: string; name: string; version: number };

export type SpeedVerdict = "faster" | "slower" | "within_noise" | "no_noise_estimate" | "not_comparable";

export type SpeedComparison = {
  /** About B as against A. */
  verdict: SpeedVerdict;
  /** One sentence per reason; for `not_comparable` and `no_noise_estimate`. */
  reasons: string[];
  /** What was compared; more is better in both. Null where nothing was. */
  metric: "mfu_percent" | "tokens_per_second" | null;
  /** One value per passed repeat, in order; with pairing those of the pairs. */
  a: { values: number[]; median: number | null; timedSeconds: number[] };
  b: { values: number[]; median: number | null; timedSeconds: number[] };
  /** By how much B is faster (geometric mean), in percent of A; negative: slower. */
  changePercent: number | null;
  /** 95 % confidence interval of `changePercent`; null without a noise estimate. */
  intervalPercent: [number, number] | null;
  /** How the interval was found, in words. */
  method: string;
};

export type Comparison = {
  a: Side;
  b: Side;
  code: {
    identical: boolean;
    /** Unified diff; empty when identical, null where the files differ too much to be compared in time. */
    diff: string | null;
  };
  profile: Change[];
  environment: Change[];
  speed: SpeedComparison;
};

const DIFF_TIMEOUT_MS = 2000;

export function compareRuns(a: ComparedRun, b: ComparedRun): Comparison {
  const profile = changes(a.plan.profile.content, b.plan.profile.content);
  return {
    a: side(a),
    b: side(b),
    code: codeChange(a, b),
    profile,
    environment: changes(environmentOf(a), environmentOf(b)),
    speed: compareSpeed(a, b, profile),
  };
}

function side({ plan }: ComparedRun): Side {
  return { runId: plan.runId, name: plan.submission.name, version: plan.submission.version };
}

function codeChange(a: ComparedRun, b: ComparedRun): Comparison["code"] {
  if (a.source === b.source) return { identical: true, diff: "" };
  const label = ({ plan }: ComparedRun) => `${plan.submission.name} v${plan.submission.version} (run ${plan.runId})`;
  const options = { context: 3, timeout: DIFF_TIMEOUT_MS, headerOptions: FILE_HEADERS_ONLY };
  const diff = createTwoFilesPatch(label(a), label(b), a.source, b.source, "", "", options);
  return { identical: false, diff: diff ?? null };
}

/** What was known before the start, and what the judge found out. */
function environmentOf({ plan, result }: ComparedRun): Record<string, unknown> {
  const { versions = {}, device } = result?.repeats[0] ?? {};
  return {
    ...plan.environment,
    ...versions,
    backend: plan.backend,
    sandbox: plan.sandbox,
    numRanks: plan.numRanks,
    ...(device === undefined ? {} : { device }),
    evaluation: evaluationText(plan),
  };
}

function changes(a: Record<string, unknown>, b: Record<string, unknown>): Change[] {
  const leavesOfA = new Map(leaves(a, ""));
  const leavesOfB = new Map(leaves(b, ""));
  return [...new Set([...leavesOfA.keys(), ...leavesOfB.keys()])]
    .sort()
    .map((path) => ({ path, a: leavesOfA.get(path), b: leavesOfB.get(path) }))
    .filter((change) => JSON.stringify(change.a) !== JSON.stringify(change.b));
}

/** Lists are leaves. */
function* leaves(value: Record<string, unknown>, prefix: string): Generator<[string, unknown]> {
  for (const [key, child] of Object.entries(value)) {
    if (typeof child === "object" && child !== null && !Array.isArray(child)) {
      yield* leaves(child as Record<string, unknown>, `${prefix}${key}.`);
    } else yield [prefix + key, child];
  }
}

/** Profile sections and keys that cannot change the timed work: limits, numbers of runs, what the chain needs. */
const WITHOUT_EFFECT_ON_SPEED = [
  "verification",
  "adaptive_threshold",
  "payment",
  "netuid",
  "burn_rate",
  "burn_uid",
  "evaluation_runs",
  "eval_timeout",
  "min_success_rate",
  "set_weights_interval_blocks",
  "reveal_blocks",
  "min_blocks_between_commits",
  "block_time",
  "code_fetch_timeout",
  "max_evaluated_urls",
  "mfu.max_plausible_mfu",
  "mfu.min_mfu",
  "crusader.title",
  "crusader.assumed",
  "crusader.production",
];

function affectsSpeed({ path }: Change): boolean {
  return !WITHOUT_EFFECT_ON_SPEED.some((harmless) => path === harmless || path.startsWith(`${harmless}.`));
}

function compareSpeed(a: ComparedRun, b: ComparedRun, profile: Change[]): SpeedComparison {
  const passedA = passedRepeats(a);
  const passedB = passedRepeats(b);
  const withMfu = [...passedA, ...passedB].every(({ mfuPercent }) => mfuPercent !== null);
  const metric = withMfu ? "mfu_percent" : "tokens_per_second";
  const speedOf = (repeat: RepeatResult | undefined) =>
    (withMfu ? repeat?.mfuPercent : repeat?.tokensPerSecond) ?? null;

  const reasons = whyNotComparable(a, b, passedA, passedB, profile);
  if (reasons.length > 0) {
    return { ...unknownSpeed("not_comparable", reasons), a: measured([], speedOf), b: measured([], speedOf) };
  }

  const pairs = pairsOf(a, b).filter((pair) =>
    pair.every((repeat) => repeat.outcome === "passed" && isPositive(speedOf(repeat))),
  );
  if (pairs.length >= 2) {
    const logRatios = pairs.map(([repeatA, repeatB]) => Math.log(Number(speedOf(repeatB)) / Number(speedOf(repeatA))));
    return {
      ...judged(meanOf(logRatios), Math.sqrt(varianceOf(logRatios) / pairs.length), pairs.length - 1),
      metric,
      a: measured(
        pairs.map(([repeat]) => repeat),
        speedOf,
      ),
      b: measured(
        pairs.map(([, repeat]) => repeat),
        speedOf,
      ),
      method: `${pairs.length} interleaved pairs with equal seeds: 95 % interval of the mean log ratio (paired t)`,
    };
  }

  const sideA = measured(passedA, speedOf);
  const sideB = measured(passedB, speedOf);
  const logsA = sideA.values.map(Math.log);
  const logsB = sideB.values.map(Math.log);
  const difference = meanOf(logsB) - meanOf(logsA);
  if (logsA.length < 2 || logsB.length < 2) {
    const single = logsA.length === 1 && logsB.length === 1;
    const count = single ? "one run a side" : `${logsA.length} and ${logsB.length} timed repeats`;
    return {
      ...unknownSpeed("no_noise_estimate", [`${count}: no noise estimate; at least two repeats a side are needed`]),
      metric,
      a: sideA,
      b: sideB,
      changePercent: percentOf(difference),
    };
  }
  const errorA = varianceOf(logsA) / logsA.length;
  const errorB = varianceOf(logsB) / logsB.length;
  // Welch and Satterthwaite; without any spread the smaller side's own degrees.
  const degrees =
    errorA + errorB === 0
      ? Math.min(logsA.length, logsB.length) - 1
      : (errorA + errorB) ** 2 / (errorA ** 2 / (logsA.length - 1) + errorB ** 2 / (logsB.length - 1));
  return {
    ...judged(difference, Math.sqrt(errorA + errorB), degrees),
    metric,
    a: sideA,
    b: sideB,
    method: `${logsA.length} and ${logsB.length} repeats: 95 % interval of the difference of mean logs (Welch's t)`,
  };
}

function whyNotComparable(
  a: ComparedRun,
  b: ComparedRun,
  passedA: RepeatResult[],
  passedB: RepeatResult[],
  profile: Change[],
): string[] {
  const show = (value: unknown) => (value === undefined ? "absent" : JSON.stringify(value));
  const reasons = profile
    .filter(affectsSpeed)
    .map((change) => `profile: ${change.path} is ${show(change.a)} in A and ${show(change.b)} in B`);
  if (a.plan.profile.kind !== b.plan.profile.kind)
    reasons.push(`profile: A is a ${a.plan.profile.kind} run, B a ${b.plan.profile.kind} run`);
  for (const { plan } of [a, b]) {
    if (plan.imported === true && plan.submission.origin !== undefined)
      reasons.push(`machine: run ${plan.runId} was measured elsewhere (${originText(plan.submission.origin)})`);
  }
  if (a.plan.numRanks !== b.plan.numRanks) reasons.push(`ranks: ${a.plan.numRanks} in A and ${b.plan.numRanks} in B`);
  if ((a.plan.production === undefined) !== (b.plan.production === undefined))
    reasons.push(`evaluation: ${evaluationText(a.plan)} in A and ${evaluationText(b.plan)} in B`);
  if (a.plan.backend !== b.plan.backend) reasons.push(`backend: ${a.plan.backend} in A and ${b.plan.backend} in B`);
  const devices = (repeats: RepeatResult[]) => [...new Set(repeats.map(({ device }) => device))].sort().join(", ");
  const [devicesA, devicesB] = [devices(passedA), devices(passedB)];
  for (const [name, run, passed] of [
    ["A", a, passedA],
    ["B", b, passedB],
  ] as const) {
    if (passed.length === 0)
      reasons.push(
        `${name} has no passed and timed repeat (run ${run.plan.runId}: ${run.result?.outcome ?? "no result"})`,
      );
  }
  if (passedA.length > 0 && passedB.length > 0 && devicesA !== devicesB)
    reasons.push(`device: ${devicesA} in A and ${devicesB} in B`);
  return reasons;
}

function passedRepeats({ result }: ComparedRun): RepeatResult[] {
  return (result?.repeats ?? []).filter(
    ({ outcome, tokensPerSecond }) => outcome === "passed" && isPositive(tokensPerSecond),
  );
}

/** Repeats of an interleaved series that stand side by side: same place, same seed. */
function pairsOf(a: ComparedRun, b: ComparedRun): [RepeatResult, RepeatResult][] {
  const linked = a.plan.against === b.plan.runId || b.plan.against === a.plan.runId;
  if (!linked) return [];
  return (a.result?.repeats ?? []).flatMap((repeatA, index) => {
    const repeatB = b.result?.repeats[index];
    return repeatB !== undefined && repeatA.seed === repeatB.seed
      ? [[repeatA, repeatB] as [RepeatResult, RepeatResult]]
      : [];
  });
}

function measured(repeats: RepeatResult[], speedOf: (repeat: RepeatResult) => number | null): SpeedComparison["a"] {
  const values = repeats.map(speedOf).filter((value) => value !== null);
  return {
    values,
    median: lowMedian(values) ?? null,
    timedSeconds: repeats.map(({ timedSeconds }) => timedSeconds).filter((value) => value !== null),
  };
}

function unknownSpeed(verdict: SpeedVerdict, reasons: string[]): Omit<SpeedComparison, "a" | "b"> {
  return { verdict, reasons, metric: null, changePercent: null, intervalPercent: null, method: "none" };
}

function judged(
  logRatio: number,
  standardError: number,
  degrees: number,
): Pick<SpeedComparison, "verdict" | "reasons" | "changePercent" | "intervalPercent"> {
  const half = tQuantile95(degrees) * standardError;
  const [low, high] = [logRatio - half, logRatio + half];
  const verdict = low > 0 ? "faster" : high < 0 ? "slower" : "within_noise";
  return {
    verdict,
    reasons: [],
    changePercent: percentOf(logRatio),
    intervalPercent: [percentOf(low), percentOf(high)],
  };
}

function percentOf(logRatio: number): number {
  return 100 * Math.expm1(logRatio);
}

function isPositive(value: number | null): boolean {
  return value !== null && value > 0;
}

function meanOf(values: number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Sample variance (n - 1). */
function varianceOf(values: number[]): number {
  const mean = meanOf(values);
  return values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
}

// Two-sided 95 % points of Student's t for 1, 2, 3 ... degrees of freedom, then for 40, 60, 120.
const T_95 = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145, 2.131, 2.12, 2.11,
  2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048, 2.045, 2.042,
];

/** Rounds the degrees down to a tabulated number, so that an interval is never too narrow. */
export function tQuantile95(degrees: number): number {
  if (degrees >= 120) return 1.98;
  if (degrees >= 60) return 2;
  if (degrees >= 40) return 2.021;
  return T_95[Math.max(1, Math.min(30, Math.floor(degrees))) - 1] as number;
}
