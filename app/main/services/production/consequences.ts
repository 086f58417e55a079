/** What changes of the rules would do to the user's own runs and files. */
import type { CheckName } from "../../../common/events.ts";
import type { Consequence } from "../../../common/production.ts";
import type { RunRecord } from "../../../common/runs.ts";
import type { ScanPolicy, ScanReport } from "../../../common/scan.ts";
import type { FileReference } from "../../../common/workspace.ts";
import type { BareChange } from "./compare-rules.ts";

/** What a run measured, as far as limits are concerned. */
export type MeasuredRun = {
  id: string;
  kind: "production" | "rehearsal";
  /** Values of one check, one a repeat that measured it. */
  values: Partial<Record<CheckName, number[]>>;
  mfuPercent: number | null;
  /** The profile it was judged by. */
  profile: Record<string, unknown>;
};

export function measuredRun({ id, plan, result }: RunRecord): MeasuredRun {
  const values: MeasuredRun["values"] = {};
  for (const { name, value } of result?.repeats.flatMap(({ checks }) => checks) ?? []) {
    if (typeof value !== "number") continue;
    values[name] ??= [];
    values[name].push(value);
  }
  const score = result?.score ?? null;
  return {
    id,
    kind: plan.profile.kind,
    values,
    mfuPercent: score?.kind === "mfu_percent" ? score.value : null,
    profile: plan.profile.content,
  };
}

/** The checks whose limit is a value of hparams.json (spec/evaluation.md section 4, step 8). */
const LIMITS: Readonly<Record<string, { check: CheckName; rule: "at_most" | "at_least" }>> = {
  "verification.weight_relative_error_max": { check: "weights", rule: "at_most" },
  "verification.max_loss_difference": { check: "loss", rule: "at_most" },
  "verification.min_params_changed_ratio": { check: "params_changed", rule: "at_least" },
  "verification.timer_divergence_threshold": { check: "clocks", rule: "at_most" },
  "mfu.max_plausible_mfu": { check: "plausible_mfu", rule: "at_most" },
  "mfu.min_mfu": { check: "min_mfu", rule: "at_least" },
};

/** Values that decide what a run measures or whether it passes; a run with others was made under other rules. */
export const JUDGING_PATHS: readonly string[] = [
  ...Object.keys(LIMITS),
  "mfu.gpu_peak_tflops",
  "evaluation_runs",
  "eval_steps",
  "eval_timeout",
  "min_success_rate",
  "benchmark_model_name",
  "benchmark_tokenizer_name",
  "benchmark_dataset_name",
  "benchmark_dataset_split",
  "benchmark_data_samples",
  "benchmark_sequence_length",
  "benchmark_batch_size",
  "docker.num_gpus",
];

/** Of a changed value of hparams.json. */
export function consequencesForRuns(change: BareChange, runs: readonly MeasuredRun[]): Consequence[] {
  if (change.area !== "hparams") return [];
  const limit = LIMITS[change.name];
  if (limit !== undefined) return limitConsequences(change, limit, runs);
  if (change.name === "mfu.gpu_peak_tflops") return peakConsequences(change, runs);
  if (!JUDGING_PATHS.includes(change.name)) return [];
  const stale = runs.filter(
    ({ kind, profile }) => kind === "production" && !equal(valueAt(profile, change.name), change.after),
  );
  return stale.length === 0
    ? []
    : [
        consequence(
          `${ofYourRuns(stale.length)} ${stale.length === 1 ? "was" : "were"} made with another value.`,
          stale,
        ),
      ];
}

function limitConsequences(
  { before, after }: BareChange,
  { check, rule }: { check: CheckName; rule: "at_most" | "at_least" },
  runs: readonly MeasuredRun[],
): Consequence[] {
  if (typeof after !== "number") return [];
  const measured = runs.filter(({ values }) => (values[check] ?? []).length > 0);
  const passes = ({ values }: MeasuredRun, limit: number) =>
    (values[check] ?? []).every((value) => (rule === "at_most" ? value <= limit : value >= limit));
  const changed = (now: boolean) =>
    measured.filter((run) => typeof before === "number" && passes(run, before) !== now && passes(run, after) === now);
  const described = [
    { runs: changed(true), what: "would now pass this check" },
    { runs: changed(false), what: "would now fail this check" },
  ].filter((entry) => entry.runs.length > 0);
  if (described.length > 0)
    return described.map((entry) =>
      consequence(`${ofYourRuns(entry.runs.length)} ${entry.what}${rehearsals(entry.runs)}.`, entry.runs),
    );
  if (measured.length === 0) return [];
  return [consequence(`No run of yours changes: ${measured.length} measured this, all on the same side.`, [])];
}

function peakConsequences({ before, after }: BareChange, runs: readonly MeasuredRun[]): Consequence[] {
  const measured = runs.filter(({ mfuPercent }) => mfuPercent !== null);
  if (typeof before !== "number" || typeof after !== "number" || after <= 0 || measured.length === 0) return [];
  const best = Math.max(...measured.map(({ mfuPercent }) => mfuPercent ?? 0));
  const would = Math.min(100, (best * before) / after);
  return [
    consequence(
      `MFU is measured against another peak: your best, ${best.toFixed(1)}%, would be ${would.toFixed(1)}%.`,
      measured,
    ),
  ];
}

function consequence(text: string, runs: readonly MeasuredRun[]): Consequence {
  return { text, runIds: runs.map(({ id }) => id), files: [] };
}

function ofYourRuns(count: number): string {
  return `${count} of your runs`;
}

function rehearsals(runs: readonly MeasuredRun[]): string {
  const count = runs.filter(({ kind }) => kind === "rehearsal").length;
  if (count === 0) return "";
  return count === runs.length
    ? ", by what rehearsals measured"
    : ` (${count} of them ${count === 1 ? "a rehearsal" : "rehearsals"})`;
}

export function valueAt(content: unknown, path: string): unknown {
  return path
    .split(".")
    .reduce<unknown>(
      (value, key) =>
        typeof value === "object" && value !== null ? (value as Record<string, unknown>)[key] : undefined,
      content,
    );
}

export function equal(a: unknown, b: unknown): boolean {
  return JSON.stringify(a ?? null) === JSON.stringify(b ?? null);
}

// --- Files -----------------------------------------------------------------------------------------------------------

export type OwnFile = { file: FileReference; source: Uint8Array };
/** What the last run of a submission judged. */
export type JudgedSource = { runId: string; source: Uint8Array };
export type Scan = (source: Uint8Array, policy: ScanPolicy) => Promise<ScanReport>;

/**
 * Of changed sets of the scan policy, by scanning the sources by the old rules, and by the old ones with each change alone.
 * Returns the consequences in the order of the changes.
 */
export async function consequencesForFiles(
  changes: readonly BareChange[],
  sources: readonly (OwnFile | JudgedSource)[],
  { policy, scan, signal }: { policy: ScanPolicy; scan: Scan; signal?: AbortSignal | undefined },
): Promise<Consequence[][]> {
  const before: ScanReport[] = [];
  for (const { source } of sources) {
    signal?.throwIfAborted();
    before.push(await scan(source, policy));
  }
  const results: Consequence[][] = [];
  for (const change of changes) {
    const changed = changedPolicy(policy, change);
    const worse: { of: OwnFile | JudgedSource; messages: string[] }[] = [];
    const better: (OwnFile | JudgedSource)[] = [];
    for (const [index, of] of sources.entries()) {
      signal?.throwIfAborted();
      const [old, now] = [before[index] as ScanReport, await scan(of.source, changed)];
      const known = new Set(old.findings.map(keyOf));
      const added = now.findings.filter((finding) => !known.has(keyOf(finding)));
      if (added.length > 0) worse.push({ of, messages: added.map(({ message }) => message) });
      else if (now.findings.length < old.findings.length) better.push(of);
    }
    results.push(fileConsequences(change, worse, better));
  }
  return results;
}

/** The policy with one change made. */
export function changedPolicy(policy: ScanPolicy, { name, after, added, removed }: BareChange): ScanPolicy {
  const value = policy[name];
  if (Array.isArray(value)) {
    return { ...policy, [name]: [...value.filter((item) => !removed.includes(item)), ...added].sort() };
  }
  return typeof after === "number" ? { ...policy, [name]: after } : policy;
}

function keyOf({ rule, line, column, endLine, endColumn }: ScanReport["findings"][number]): string {
  return [rule, line, column, endLine, endColumn].join(" ");
}

const MAX_NAMED = 5;

function fileConsequences(
  { added }: BareChange,
  worse: readonly { of: OwnFile | JudgedSource; messages: string[] }[],
  better: readonly (OwnFile | JudgedSource)[],
): Consequence[] {
  const consequences: Consequence[] = [];
  if (worse.length > 0) {
    const messages = worse.flatMap((entry) => entry.messages).join("\n");
    const used = added.filter((item) => messages.includes(item));
    const named = used.slice(0, MAX_NAMED).map((item) => `\`${item}\``);
    const more = used.length > MAX_NAMED ? ` and ${used.length - MAX_NAMED} more` : "";
    consequences.push(
      sourceConsequence(
        worse.map(({ of }) => of),
        (subject) =>
          used.length === 0
            ? `${subject} would have new findings.`
            : `${named.join(", ")}${more} ${used.length === 1 ? "is" : "are"} now refused: ${subject} ${worse.length === 1 ? "uses" : "use"} ${used.length === 1 ? "it" : "them"}.`,
      ),
    );
  }
  if (better.length > 0) {
    consequences.push(sourceConsequence(better, (subject) => `${subject} would have fewer findings.`));
  }
  return consequences;
}

/** `say` gets "2 of your files and 1 submission of your history". */
function sourceConsequence(
  sources: readonly (OwnFile | JudgedSource)[],
  say: (subject: string) => string,
): Consequence {
  const files = sources.flatMap((source) => ("file" in source ? [source.file] : []));
  const runIds = sources.flatMap((source) => ("runId" in source ? [source.runId] : []));
  const parts = [
    ...(files.length === 0 ? [] : [`${files.length} of your files`]),
    ...(runIds.length === 0
      ? []
      : [`${runIds.length} ${runIds.length === 1 ? "submission" : "submissions"} of your history`]),
  ];
  return { text: say(parts.join(" and ")), runIds, files };
}
