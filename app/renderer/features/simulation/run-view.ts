/** One run as the window shows it, made from the numbered stream of `simulation.events`. Pure. */
import type { ErrorReport } from "../../../common/errors.ts";
import type { Check, Event, Note, Stage } from "../../../common/events.ts";
import { EVERY_STAGE, PRODUCTION_STAGES, STAGES } from "../../../common/events.ts";
import type { RunResult } from "../../../common/runs.ts";
import type { RunStatus, RunUpdate } from "../../../common/simulation.ts";

export type StageSeconds = Partial<Record<Stage, number>>;

export type StageView = {
  state: "pending" | "running" | "passed" | "failed" | "skipped";
  /** Seconds on the judge's clock at which it began; null before. */
  startedAt: number | null;
  /** How long it took; null until it ended. */
  seconds: number | null;
  steps: { done: number; total: number; unit: string; at: number } | null;
};

export type RepeatView = {
  stages: Record<Stage, StageView>;
  checks: Check[];
  notes: Note[];
  outcome: RunResult["outcome"] | null;
  relativeSpeed: number | null;
  mfuPercent: number | null;
  timedSeconds: number | null;
  /** The judge's clock at its last event, in seconds. */
  clock: number;
};

export type RunView = {
  runId: string;
  /** Where the stream stands: resume with it. */
  number: number;
  status: RunStatus | null;
  repeats: RepeatView[];
  outputBytes: number;
  result: RunResult | null;
  recordProblem: ErrorReport | null;
  /** Milliseconds on the window's clock at which the last update came. */
  updatedAtMs: number;
};

export function emptyRunView(runId: string): RunView {
  return {
    runId,
    number: 0,
    status: null,
    repeats: [],
    outputBytes: 0,
    result: null,
    recordProblem: null,
    updatedAtMs: 0,
  };
}

/** The view after an update. One that does not begin where the view stands replaces all that was seen. */
export function applyUpdate(view: RunView, update: RunUpdate, nowMs: number): RunView {
  const from = update.after === view.number ? view : emptyRunView(view.runId);
  const repeats = [...from.repeats];
  for (const { repeat, event } of update.events) {
    while (repeats.length <= repeat) repeats.push(emptyRepeat());
    repeats[repeat] = applyEvent(repeats[repeat] as RepeatView, event);
  }
  return {
    runId: view.runId,
    number: update.number,
    status: update.status,
    repeats,
    outputBytes: update.outputBytes,
    result: update.result,
    recordProblem: update.recordProblem,
    updatedAtMs: nowMs,
  };
}

function emptyRepeat(): RepeatView {
  const pending: StageView = { state: "pending", startedAt: null, seconds: null, steps: null };
  return {
    stages: Object.fromEntries(EVERY_STAGE.map((stage) => [stage, pending])) as Record<Stage, StageView>,
    checks: [],
    notes: [],
    outcome: null,
    relativeSpeed: null,
    mfuPercent: null,
    timedSeconds: null,
    clock: 0,
  };
}

function applyEvent(repeat: RepeatView, event: Event): RepeatView {
  const next = { ...repeat, clock: event.t };
  const withStage = (stage: Stage, change: Partial<StageView>): RepeatView => ({
    ...next,
    stages: { ...repeat.stages, [stage]: { ...repeat.stages[stage], ...change } },
  });
  switch (event.type) {
    case "stage":
      return event.state === "running"
        ? withStage(event.stage, { state: "running", startedAt: event.t })
        : withStage(event.stage, { state: event.state, seconds: event.seconds });
    case "progress":
      return withStage(event.stage, {
        steps: { done: event.done, total: event.total, unit: event.unit, at: event.t },
      });
    case "check": {
      const { v: _v, seq: _seq, t: _t, type: _type, ...check } = event;
      return { ...next, checks: [...repeat.checks, check] };
    }
    case "note": {
      const { v: _v, seq: _seq, t: _t, type: _type, ...note } = event;
      return { ...next, notes: [...repeat.notes, note] };
    }
    case "result": {
      const { outcome, relativeSpeed, mfuPercent, timedSeconds } = event;
      return { ...next, outcome, relativeSpeed, mfuPercent, timedSeconds };
    }
    // What GPUs do is a stream of its own (`runs.watchGpus`).
    case "metric":
    case "gpu_devices":
    case "gpus":
      return next;
  }
}

export function isOver(view: Pick<RunView, "status">): boolean {
  return view.status !== null && view.status.state !== "running";
}

export type StageTime = {
  stage: Stage;
  state: StageView["state"];
  elapsedSeconds: number | null;
  /** Null where nothing says how long it takes. */
  remainingSeconds: number | null;
  /** 0..1 where steps are counted or earlier runs say how long it takes. */
  fraction: number | null;
  steps: StageView["steps"];
};

/** What is long takes this long at least; shorter stages may be unknown without spoiling the whole. */
const LONG_STAGES: readonly Stage[] = ["prepare", "evaluation", "reference", "warmup", "timed", "checks"];

/** How the stages of one repeat stand, `sinceUpdateSeconds` after the last word of the judge. */
export function stageTimes(
  repeat: RepeatView | undefined,
  expected: StageSeconds,
  sinceUpdateSeconds: number,
): StageTime[] {
  const { stages, clock, notes } = repeat ?? emptyRepeat();
  const now = clock + Math.max(0, sinceUpdateSeconds);
  return stagesOf(notes).map((stage): StageTime => {
    const { state, startedAt, seconds, steps } = stages[stage];
    const base = { stage, state, steps };
    if (state === "pending") {
      return { ...base, elapsedSeconds: null, remainingSeconds: expectedSeconds(stage, expected), fraction: null };
    }
    if (state !== "running" || startedAt === null) {
      return { ...base, elapsedSeconds: seconds, remainingSeconds: 0, fraction: state === "skipped" ? null : 1 };
    }
    const elapsedSeconds = now - startedAt;
    const total = stepsTotal(steps, startedAt) ?? expectedSeconds(stage, expected);
    const remainingSeconds = total === null ? null : Math.max(0, total - elapsedSeconds);
    const counted = steps === null ? null : steps.done / steps.total;
    const fraction = counted ?? (total === null || total === 0 ? null : Math.min(0.99, elapsedSeconds / total));
    return { ...base, elapsedSeconds, remainingSeconds, fraction };
  });
}

function stepsTotal(steps: StageView["steps"], startedAt: number): number | null {
  return steps === null || steps.done === 0 ? null : ((steps.at - startedAt) * steps.total) / steps.done;
}

/** A stage that earlier runs by production's code do not have, its log does not tell. */
function expectedSeconds(stage: Stage, expected: StageSeconds): number | null {
  return expected[stage] ?? (LONG_STAGES.includes(stage) && expected.evaluation === undefined ? null : 0);
}

/** Who judges says so first. */
function stagesOf(notes: readonly Pick<Note, "id">[]): readonly Stage[] {
  return notes.some(({ id }) => id === "production_evaluation") ? PRODUCTION_STAGES : STAGES;
}

/** How long a stage took in this run's own repeats; where none has, in earlier runs. */
export function expectedOf(view: RunView, earlier: StageSeconds): StageSeconds {
  const expected: StageSeconds = { ...earlier };
  for (const stage of EVERY_STAGE) {
    const took = view.repeats.flatMap(({ outcome, stages }) =>
      outcome === "passed" && stages[stage].seconds !== null ? [stages[stage].seconds as number] : [],
    );
    if (took.length > 0) expected[stage] = took.reduce((sum, seconds) => sum + seconds, 0) / took.length;
  }
  return expected;
}

export type RunTime = {
  elapsedSeconds: number;
  /** Null where nothing says how long the rest takes. */
  remainingSeconds: number | null;
  /** Of the whole run, 0..1; null where nothing is known. */
  fraction: number | null;
};

/** Never quite done before the result. */
const MOST = 0.99;

/** `floor`: the fraction shown before; what is shown never goes back. */
export function runTime(view: RunView, earlier: StageSeconds, nowMs: number, floor: number | null): RunTime {
  const expected = expectedOf(view, earlier);
  const since = isOver(view) || view.status?.waiting != null ? 0 : (nowMs - view.updatedAtMs) / 1000;
  const planned = view.status?.repeatsPlanned ?? 1;
  const current = view.repeats.findIndex(({ outcome }) => outcome === null);
  let elapsedSeconds = view.repeats.reduce((sum, { clock }) => sum + clock, 0);
  if (current !== -1) elapsedSeconds += Math.max(0, since);
  if (isOver(view)) return { elapsedSeconds, remainingSeconds: 0, fraction: 1 };

  const left = stageTimes(view.repeats[current], expected, since).map(({ remainingSeconds }) => remainingSeconds);
  const whole = stagesOf(view.repeats.flatMap(({ notes }) => notes)).map((stage) => expectedSeconds(stage, expected));
  const begun = current === -1 ? view.repeats.length : current + 1;
  // With a repeat between two others, the one at hand is the next, not yet begun.
  const waiting = planned - begun - (current === -1 ? 1 : 0);
  const currentLeft = current === -1 && begun === planned ? 0 : sum(left);
  const wholeLeft = waiting > 0 ? sum(whole) : 0;
  const remainingSeconds =
    currentLeft === null || wholeLeft === null ? null : currentLeft + Math.max(0, waiting) * wholeLeft;
  const total = remainingSeconds === null ? null : elapsedSeconds + remainingSeconds;
  const fraction = total === null || total === 0 ? null : Math.min(MOST, elapsedSeconds / total);
  const shown = fraction === null ? floor : Math.max(fraction, floor ?? 0);
  return { elapsedSeconds, remainingSeconds, fraction: shown };
}

function sum(values: readonly (number | null)[]): number | null {
  return values.reduce<number | null>((total, value) => (total === null || value === null ? null : total + value), 0);
}
