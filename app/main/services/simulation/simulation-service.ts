/**
 * Runs: a file, a profile and a backend become a plan, the plan's repeats are evaluated one after the other, and
 * everything is recorded. Whatever happens, a run that was begun gets a result.
 */
import { open } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { imageName } from "../../../common/container-image.ts";
import type { ErrorReport } from "../../../common/errors.ts";
import { CrusaderError } from "../../../common/errors.ts";
import type { Event, Failure, Stage } from "../../../common/events.ts";
import { originText } from "../../../common/format.ts";
import type {
  CodeOrigin,
  ContainerChoice,
  Evaluation as EvaluationKind,
  Plan,
  ProductionCode,
  RepeatResult,
  RunResult,
  Sandbox,
} from "../../../common/runs.ts";
import type { PolicyInForce, ScanPolicy } from "../../../common/scan.ts";
import { lowMedian, seriesScore } from "../../../common/score.ts";
import type { Forecast } from "../../../common/simulation.ts";
import { gpuObservations, gpuRecordOf } from "../../../common/telemetry.ts";
import type { HparamsService } from "../hparams/index.ts";
import { lockFile } from "../locks/index.ts";
import type { PlanDraft, Recorder, RunStore } from "../runs/index.ts";
import { ensureFolder } from "../storage/index.ts";
import type { Backend, ByHand, EndedProcess, Ending, Evaluation, Listener, Needs, Order, Recorded } from "./backend.ts";
import { cancelledFailure, withoutVerdict } from "./judge-events.ts";
import { endMarkedProcesses, markerOf, runOfMarker } from "./marked-processes.ts";
import { type FindProductionCode, plannedProduction, productionAvailability } from "./production-evaluation.ts";
import { RunQueue } from "./queue.ts";
import { endsSeries, reasonsNotComparable, seedsOf } from "./series.ts";

export type SimulationRequest = {
  /** The file to judge; the versions of a submission are counted by it. */
  path: string;
  /** What to judge instead of what the file holds: an unsaved buffer, or what an earlier run judged. */
  source?: Uint8Array | undefined;
  /** Set where the code is another's: then the run needs a sandbox. */
  origin?: CodeOrigin | undefined;
  /** Name of a profile, or path of one. */
  profile: string;
  backend: string;
  /** Which evaluation server; for the backend that has several. */
  server?: string | undefined;
  /** The backend's own, where it has but one. */
  sandbox: Sandbox;
  /** For a backend of containers. */
  container?: ContainerChoice | undefined;
  /** Whose code judges; default: Crusader's. */
  evaluation?: EvaluationKind | undefined;
  /** Default: the profile's `docker.num_gpus`. */
  numRanks?: number | undefined;
  /** Default: the profile's `evaluation_runs`. */
  repeats?: number | undefined;
  /** Default: fresh ones that nobody can foresee. */
  seed?: string | undefined;
  /** Run the ranks even where the file asks for CUDA and there is none. */
  ignoreCudaNeeds?: boolean;
};

/** What a run says, in order; announces, never asks. */
export type SimulationEvent =
  /** The run with that id has the backend; null where it is not known. */
  | { type: "waiting"; behindRunId: string | null }
  | { type: "repeat_started"; runId: string; repeat: number; seed: string }
  | { type: "judged"; runId: string; repeat: number; event: Event }
  | { type: "repeat_ended"; runId: string; repeat: number; result: RepeatResult }
  /** What goes on elsewhere cannot be heard, and why; null: it is heard again. */
  | { type: "contact"; runId: string; problem: string | null }
  /** `recordProblem`: why the record is incomplete, although the result stands. */
  | { type: "run_ended"; runId: string; result: RunResult; recordProblem: ErrorReport | null };

export type Simulation<Result> = {
  plans: Plan[];
  /** For one reader. Ends after the last `run_ended`. */
  events: AsyncIterable<SimulationEvent>;
  /** Never rejects. */
  done: Promise<Result>;
  /** Resolves when nothing of it lives and it is recorded: within 5 s; with `atOnce` without asking the judge first. */
  cancel: (options?: { atOnce?: boolean }) => Promise<void>;
  /**
   * Leaves it to a later process, which goes on with it (`reattach`); `done` then stays pending, and `events` ends. Null
   * where it would end with this process.
   */
  detach: (() => Promise<void>) | null;
};

export type SimulationServiceOptions = {
  dataFolder: string;
  store: RunStore;
  hparams: HparamsService;
  /** The scan policy in force. Throws `data_folder`. */
  policy: () => PolicyInForce;
  /** The validator's own code, of the pinned revision; absent: there is none. */
  productionCode?: FindProductionCode | undefined;
  /** Whose code a file is that the history knows nothing of; absent: the user's own. */
  originOf?: ((path: string, source: Uint8Array) => CodeOrigin | undefined) | undefined;
  backends: readonly Backend[];
  crusaderVersion: string;
  /** Milliseconds since 1970. */
  now: () => number;
  /** A fresh 128-bit seed in hexadecimal. */
  randomSeed: () => string;
};

/** One side of a comparison, or the only one. */
type Lane = {
  recorder: Recorder;
  /** The one its plan names, whatever is in force when a repeat begins. */
  policy: ScanPolicy;
  ignoreCudaNeeds: boolean;
  /** As it was when the run was planned; undefined where Crusader's own evaluation judges. */
  production: ProductionCode | undefined;
  startedAt: number;
  repeats: RepeatResult[];
  /** The repeat that an earlier process began, until it is gone on with. */
  begun: { at: number; recorded: Recorded } | null;
};

/** More than that wait for nothing. */
const MAX_FORECAST_RUNNING = 100;

/** Larger than anything that has a verdict of its own; keeps a mistyped path from filling memory and history. */
const MAX_SOURCE_BYTES = 64 * 1024 * 1024;

export class SimulationService {
  readonly #options: SimulationServiceOptions;
  readonly #queues = new Map<string, RunQueue>();

  constructor(options: SimulationServiceOptions) {
    this.#options = options;
  }

  /**
   * Begins a run. Throws before anything is recorded: `not_found` (file, profile, backend), `invalid_profile`,
   * `foreign_code`, and
   * whatever the backend misses.
   */
  async start(request: SimulationRequest): Promise<Simulation<RunResult>> {
    const backend = this.#backend(request.backend);
    const draft = await this.#draft(request, backend);
    const lane = this.#lane(this.#options.store.create(draft.plan, draft.source), draft);
    const { done, ...simulation } = this.#begin(backend, [lane]);
    return { ...simulation, done: done.then(([result]) => result as RunResult) };
  }

  /**
   * Begins two runs whose repeats alternate (A B A B), with the same seed for each pair: what differs between the two
   * sides of a pair is the file. Throws as `start` does.
   */
  async startComparison({
    a,
    b,
    repeats,
  }: {
    a: SimulationRequest;
    b: Pick<SimulationRequest, "path" | "source" | "origin">;
    repeats?: number | undefined;
  }): Promise<Simulation<[RunResult, RunResult]>> {
    const backend = this.#backend(a.backend);
    const draftA = await this.#draft({ ...a, repeats }, backend);
    const draftB = await this.#draft({ ...a, repeats, path: b.path, source: b.source, origin: b.origin }, backend);
    const seeded = { ...draftB, plan: { ...draftB.plan, seeds: draftA.plan.seeds } };
    const [recorderA, recorderB] = this.#options.store.createPair(draftA, seeded);
    const { done, ...simulation } = this.#begin(backend, [
      this.#lane(recorderA, draftA),
      this.#lane(recorderB, seeded),
    ]);
    return { ...simulation, done: done.then((results) => results as [RunResult, RunResult]) };
  }

  /**
   * What `start` would do with that, and what it would throw. Throws `not_found` (profile, backend) and `invalid_profile`.
   */
  async forecast(request: Omit<SimulationRequest, "path" | "source">): Promise<Forecast> {
    const backend = this.#backend(request.backend);
    const { profile, numRanks, repeats } = await this.#settled(request);
    const { name, title, kind, resolved: content } = profile;
    const { container, server } = request;
    const sandbox = backend.confinement ?? request.sandbox;
    const needs = { profile: content, profileName: request.profile, numRanks, sandbox, container, server };
    const { evaluation = "crusader" } = request;
    const { code, problem } = productionAvailability(backend.name, content, this.#options.productionCode);
    const problems = [
      ...(evaluation === "production" && problem !== null ? [problem] : []),
      ...(await backend.check(needs)),
    ];
    const seeds = seedsOf(repeats, request.seed, this.#options.randomSeed);
    const running = this.#options.store.list({ state: "running", limit: MAX_FORECAST_RUNNING }).runs;
    return {
      profile: { name, title, kind },
      backend: backend.name,
      sandbox,
      numRanks,
      repeats,
      notComparable: reasonsNotComparable({
        container,
        server,
        production: evaluation === "production" && code !== null ? plannedProduction(code) : undefined,
        profile: { name, kind, sha256: profile.sha256, content },
        numRanks,
        seedFixed: request.seed !== undefined,
        seeds,
      }),
      problems: problems.map((problem) => problem.report()),
      image: backend.plan === undefined ? null : (container?.image ?? imageName(content)),
      evaluation,
      productionEvaluation: { revision: code?.revision.label ?? null, problem: problem?.report() ?? null },
      expectedStageSeconds: this.expectedStageSeconds(name, numRanks, evaluation),
      behindRunIds: running.filter((run) => run.backend === backend.name).map(({ id }) => id),
    };
  }

  /**
   * What somebody needs to do by hand what one repeat of `start` does. Throws as `start` does of the file and the profile,
   * and `unsupported` where the backend's evaluations cannot be had by hand; asks nobody.
   */
  async byHand(request: SimulationRequest, orderFile: string): Promise<ByHand> {
    const backend = this.#backend(request.backend);
    if (backend.byHand === undefined) {
      const hint = "Choose the docker backend.";
      throw new CrusaderError("unsupported", `The backend ${backend.name} has no commands of its own.`, hint);
    }
    const { container, server } = request;
    const source = request.source ?? (await readSource(request.path));
    const sandbox = this.#sandbox(request, backend, this.#originOf(request, source));
    const { profile, numRanks } = await this.#settled(request);
    const order = {
      profile: profile.resolved,
      numRanks,
      sandbox,
      container,
      server,
      seed: request.seed ?? this.#options.randomSeed(),
      policy: this.#options.policy().policy,
      ignoreCudaNeeds: request.ignoreCudaNeeds ?? false,
      production: this.#production(request, backend, profile.resolved),
    };
    return backend.byHand(order, source, orderFile);
  }

  /** The code that judges where it is not Crusader's. Throws what stands in its way. */
  #production(
    { evaluation }: Pick<SimulationRequest, "evaluation">,
    { name }: Backend,
    profile: Record<string, unknown>,
  ): ProductionCode | undefined {
    if (evaluation !== "production") return undefined;
    const { code, problem } = productionAvailability(name, profile, this.#options.productionCode);
    if (problem !== null) throw problem;
    return code ?? undefined;
  }

  #originOf({ origin, path }: Pick<SimulationRequest, "origin" | "path">, source: Uint8Array): CodeOrigin | undefined {
    return origin ?? this.#options.store.originOf(path, source) ?? this.#options.originOf?.(path, source);
  }

  /** What keeps the ranks in. Throws `foreign_code` where another's code would be kept in by too little. */
  #sandbox(
    request: Pick<SimulationRequest, "sandbox" | "container">,
    backend: Backend,
    origin: CodeOrigin | undefined,
  ): Sandbox {
    const sandbox = backend.confinement ?? request.sandbox;
    if (origin === undefined) return sandbox;
    if (!("runId" in origin) && sandbox !== "container") {
      throw new CrusaderError(
        "foreign_code",
        `This is another's code (${originText(origin)}): code of the arena runs in containers only.`,
        "Choose a container engine, or an evaluation server. A copy stays another's, however it is changed.",
      );
    }
    if (sandbox === "none" || request.container?.runProfile === "public") {
      throw new CrusaderError(
        "foreign_code",
        `This is another's code (${originText(origin)}): it runs in a sandbox only.`,
        "runId" in origin
          ? "Read it. A copy that you changed is your own code."
          : "Use the validator's flags. A copy stays another's, however it is changed.",
      );
    }
    return sandbox;
  }

  /** The profile, and what it decides where the request leaves it open. */
  async #settled({ profile: name, numRanks, repeats }: Pick<SimulationRequest, "profile" | "numRanks" | "repeats">) {
    const profile = await this.#options.hparams.load(name);
    const resolved = profile.resolved as { docker: { num_gpus: number }; evaluation_runs: number };
    return {
      profile,
      numRanks: numRanks ?? resolved.docker.num_gpus,
      repeats: repeats ?? resolved.evaluation_runs,
    };
  }

  /**
   * Median seconds of each stage in the last passed repeats with that profile, number of ranks and evaluation; empty when
   * there are none. An expectation for progress, no measurement.
   */
  expectedStageSeconds(
    profile: string,
    numRanks: number,
    evaluation: EvaluationKind = "crusader",
  ): Partial<Record<Stage, number>> {
    const recent = this.#options.store.list({ profile, evaluation, state: "passed", limit: 5 }).runs;
    const stages = recent
      // What another machine took says nothing of this one.
      .filter((run) => run.numRanks === numRanks && run.imported !== true)
      .flatMap(({ id }) => this.#options.store.show(id).result?.repeats ?? [])
      .filter(({ outcome }) => outcome === "passed")
      .map(({ stageSeconds }) => stageSeconds as Partial<Record<Stage, number>>);
    const names = new Set(stages.flatMap((seconds) => Object.keys(seconds) as Stage[]));
    const medians = [...names].map((stage) => [stage, lowMedian(stages.flatMap((seconds) => seconds[stage] ?? []))]);
    return Object.fromEntries(medians);
  }

  /**
   * Goes on with the runs of processes that have ended, where what evaluates them lives on; of several processes that ask
   * at once, one gets each run. Throws `data_folder`.
   */
  async reattach(): Promise<Simulation<RunResult[]>[]> {
    const folder = join(this.#options.dataFolder, "queue");
    ensureFolder(folder);
    const release = await lockFile(join(folder, "reattach.lock"), () => {});
    try {
      return this.#adopt().map(({ backend, lanes }) => this.#begin(backend, lanes));
    } finally {
      release();
    }
  }

  /** Removes containers and networks of this data folder's runs that are over; says what. */
  async removeLeftovers(): Promise<string[]> {
    const isOver = (runId: string) => this.#isOver(runId);
    return (await Promise.all(this.#options.backends.map((backend) => backend.removeLeftovers?.(isOver) ?? []))).flat();
  }

  /** Ends processes of this data folder's runs that nobody waits for any more, and of no other's. */
  endLeftovers(): Promise<EndedProcess[]> {
    return endMarkedProcesses((marker) => {
      const runId = runOfMarker(this.#options.dataFolder, marker);
      return runId !== null && this.#isOver(runId);
    });
  }

  #isOver(runId: string): boolean {
    try {
      return this.#options.store.show(runId).state !== "running";
    } catch (error) {
      // A record that cannot be read says nothing about who waits.
      return error instanceof CrusaderError && error.code === "not_found";
    }
  }

  #backend(name: string): Backend {
    const backend = this.#options.backends.find((candidate) => candidate.name === name);
    if (backend !== undefined) return backend;
    const names = this.#options.backends.map((candidate) => candidate.name).join(", ");
    throw new CrusaderError("not_found", `There is no backend named ${name}.`, `There are: ${names}.`);
  }

  async #draft(request: SimulationRequest, backend: Backend) {
    const { container } = request;
    const source = request.source ?? (await readSource(request.path));
    const origin = this.#originOf(request, source);
    const sandbox = this.#sandbox(request, backend, origin);
    const { profile, numRanks, repeats } = await this.#settled(request);
    const needs: Needs = {
      profile: profile.resolved,
      profileName: request.profile,
      numRanks,
      sandbox,
      container,
      server: request.server,
    };
    const production = this.#production(request, backend, profile.resolved);
    const [problem] = await backend.check(needs);
    if (problem?.code === "sandbox_missing" && origin !== undefined) throw foreignWithoutSandbox(origin, problem);
    if (problem !== undefined) throw problem;
    const policy = this.#options.policy();
    const plan: PlanDraft = {
      submission: {
        name: basename(request.path),
        path: resolve(request.path),
        ...(origin === undefined ? {} : { origin }),
      },
      profile: { name: profile.name, kind: profile.kind, sha256: profile.sha256, content: profile.resolved },
      policy: { sha256: policy.sha256, origin: policy.origin },
      backend: backend.name,
      ...(request.server === undefined ? {} : { server: request.server }),
      sandbox,
      ...(backend.plan === undefined ? {} : { container: await backend.plan(needs) }),
      ...(production === undefined ? {} : { production: plannedProduction(production) }),
      numRanks,
      seeds: seedsOf(repeats, request.seed, this.#options.randomSeed),
      seedFixed: request.seed !== undefined,
      environment: {
        crusader: this.#options.crusaderVersion,
        node: process.versions.node,
        ...(await backend.environment(needs)),
      },
    };
    return { plan, source, policy: policy.policy, production, ignoreCudaNeeds: request.ignoreCudaNeeds ?? false };
  }

  #lane(
    recorder: Recorder,
    { policy, ignoreCudaNeeds, production }: Pick<Lane, "policy" | "ignoreCudaNeeds" | "production">,
  ): Lane {
    return { recorder, policy, ignoreCudaNeeds, production, startedAt: this.#options.now(), repeats: [], begun: null };
  }

  /** The runs of processes that have ended, where they go on all the same; those of a comparison stay together. */
  #adopt(): { backend: Backend; lanes: Lane[] }[] {
    const { store } = this.#options;
    const groups = new Map<string, { backend: Backend; lanes: Lane[] }>();
    for (const id of store.unattended()) {
      try {
        const { plan } = store.show(id);
        const backend = this.#options.backends.find(({ name }) => name === plan.backend);
        if (backend?.survives !== true) continue;
        const { recorder, unfinished, recorded } = store.adopt(id);
        const { policy, ignoreCudaNeeds, production, startedAt, repeats, begunAt } = unfinished;
        const lane: Lane = {
          recorder,
          policy: policy as ScanPolicy,
          ignoreCudaNeeds,
          production,
          startedAt: Date.parse(startedAt),
          repeats: [...repeats],
          begun: begunAt === null ? null : { at: Date.parse(begunAt), recorded },
        };
        const group = groups.get(plan.against ?? "");
        if (group === undefined) groups.set(id, { backend, lanes: [lane] });
        else group.lanes.push(lane);
      } catch (error) {
        // Its record is damaged: the history shows it as such.
        if (!(error instanceof CrusaderError)) throw error;
      }
    }
    return [...groups.values()];
  }

  /** Writes down what a later process would need. */
  #keep(backend: Backend, lane: Lane, begunAt: number | null): void {
    if (backend.survives !== true) return;
    const { recorder, policy, ignoreCudaNeeds, production, startedAt, repeats } = lane;
    recorder.keepUnfinished({
      version: 1,
      startedAt: new Date(startedAt).toISOString(),
      policy: policy as Record<string, unknown>,
      ignoreCudaNeeds,
      ...(production === undefined ? {} : { production }),
      repeats,
      begunAt: begunAt === null ? null : new Date(begunAt).toISOString(),
      outputBytes: recorder.outputBytes,
    });
  }

  #begin(backend: Backend, lanes: Lane[]): Simulation<RunResult[]> {
    const events = new EventQueue<SimulationEvent>();
    const control = new Control();
    for (const lane of lanes) if (lane.begun === null) this.#keep(backend, lane, null);
    const done = this.#run(backend, lanes, events, control).finally(() => events.close());
    return {
      plans: lanes.map(({ recorder }) => recorder.plan),
      events,
      done,
      cancel: async ({ atOnce = false } = {}) => {
        control.cancel(atOnce);
        await done;
      },
      detach:
        backend.survives !== true
          ? null
          : async () => {
              control.detach();
              await Promise.race([control.left, done]);
            },
    };
  }

  async #run(
    backend: Backend,
    lanes: Lane[],
    events: EventQueue<SimulationEvent>,
    control: Control,
  ): Promise<RunResult[]> {
    try {
      await this.#evaluateAll(backend, lanes, events, control);
    } catch (error) {
      if (error instanceof Detached) {
        for (const { recorder } of lanes) recorder.leave();
        events.close();
        control.leave();
        return new Promise<never>(() => {});
      }
      const failure = failureOf(error);
      for (const lane of lanes) if (needsMore(lane)) this.#end(lane, failure);
    }
    return lanes.map((lane) => {
      const result = this.#finish(lane);
      const recordProblem = lane.recorder.problem?.report() ?? null;
      events.push({ type: "run_ended", runId: lane.recorder.runId, result, recordProblem });
      return result;
    });
  }

  async #evaluateAll(
    backend: Backend,
    lanes: Lane[],
    events: EventQueue<SimulationEvent>,
    control: Control,
  ): Promise<void> {
    const queue = this.#queue(backend, lanes[0]?.recorder.plan as Plan);
    const onWait = (behindRunId: string | null) => events.push({ type: "waiting", behindRunId });
    const leave = await queue.enter(lanes[0]?.recorder.runId ?? "", onWait, control.signal).catch(async (error) => {
      // What is going on elsewhere does not end by itself.
      if (error instanceof Cancelled) {
        for (const lane of lanes) if (lane.begun !== null) await this.#evaluate(backend, lane, events, control);
      }
      throw error;
    });
    try {
      const repeats = Math.max(...lanes.map(({ recorder }) => recorder.plan.seeds.length));
      for (let repeat = 0; repeat < repeats; repeat += 1) {
        for (const lane of lanes) {
          // Of a comparison that is gone on with, one side may be ahead.
          if (needsMore(lane) && lane.repeats.length === repeat) await this.#evaluate(backend, lane, events, control);
        }
      }
    } finally {
      leave();
    }
  }

  async #evaluate(backend: Backend, lane: Lane, events: EventQueue<SimulationEvent>, control: Control): Promise<void> {
    const { recorder, policy, ignoreCudaNeeds, production, begun } = lane;
    if (begun === null) control.signal.throwIfAborted();
    const { plan, runId } = recorder;
    const repeat = lane.repeats.length;
    const seed = plan.seeds[repeat] as string;
    events.push({ type: "repeat_started", runId, repeat, seed });
    const startedAt = begun?.at ?? this.#options.now();
    const begunHere = performance.now();
    const recorded = begun?.recorded ?? NOTHING_RECORDED;
    const said: Event[] = recorded.events.filter(({ type }) => type !== "progress");
    const order: Order = {
      marker: markerOf(this.#options.dataFolder, runId, repeat),
      repeat,
      sourcePath: join(recorder.folder, "train.py"),
      profile: plan.profile.content,
      numRanks: plan.numRanks,
      sandbox: plan.sandbox,
      container: plan.container,
      server: plan.server,
      seed,
      policy,
      ignoreCudaNeeds,
      production,
    };
    const listener = unrecorded(recorded, {
      event: (event) => {
        if (event.type !== "progress") said.push(event);
        recorder.event(repeat, event);
        events.push({ type: "judged", runId, repeat, event });
      },
      output: (chunk) => recorder.output(chunk),
      contact: (problem) => events.push({ type: "contact", runId, problem }),
    });
    lane.begun = null;
    const found = begun === null ? null : ((await backend.reattach?.(order, recorded, listener)) ?? null);
    if (found === null) {
      control.signal.throwIfAborted();
      this.#keep(backend, lane, startedAt);
    }
    const ending = await control.during(found ?? (await backend.launch(order, listener)));
    // The clock may have been set meanwhile; all that tells how long ago another process began is the clock.
    const elapsedMs = begun === null ? performance.now() - begunHere : this.#options.now() - startedAt;
    const result = repeatResult(ending, said, Math.max(0, elapsedMs) / 1000);
    lane.repeats.push(result);
    this.#keep(backend, lane, null);
    events.push({ type: "repeat_ended", runId, repeat, result });
  }

  #queue(backend: Backend, { profile, numRanks, sandbox, container, server }: Plan): RunQueue {
    const choice: ContainerChoice | undefined =
      container === undefined ? undefined : { engine: container.engine, runProfile: container.runProfile };
    const needs = { profile: profile.content, numRanks, sandbox, container: choice, server };
    const name = backend.queueName?.(needs) ?? backend.name;
    const queue = this.#queues.get(name) ?? new RunQueue(this.#options.dataFolder, name);
    this.#queues.set(name, queue);
    return queue;
  }

  /** Adds a repeat that was never evaluated. */
  #end({ recorder, repeats }: Lane, failure: Failure): void {
    const { plan } = recorder;
    const seed = plan.seeds[repeats.length] as string;
    const device = plan.profile.kind === "rehearsal" ? "cpu" : "cuda";
    const result = withoutVerdict(failure, { seed, numRanks: plan.numRanks, device });
    repeats.push({ ...result, checks: [], notes: [], stageSeconds: {}, wallSeconds: 0 });
  }

  #finish({ recorder, repeats, startedAt }: Lane): RunResult {
    const { plan } = recorder;
    const minSuccessRate = plan.profile.content.min_success_rate as number;
    return recorder.finish({
      startedAt: new Date(startedAt).toISOString(),
      // The clock may have been set back.
      finishedAt: new Date(Math.max(startedAt, this.#options.now())).toISOString(),
      ...seriesScore(repeats, plan.seeds.length, minSuccessRate),
      repeatsPlanned: plan.seeds.length,
      minSuccessRate,
      notComparable: reasonsNotComparable(plan, repeats),
      repeats,
    });
  }
}

/** The other's way out, a start without one, is not for another's code. */
function foreignWithoutSandbox(origin: CodeOrigin, { message, detail }: CrusaderError): CrusaderError {
  return new CrusaderError(
    "foreign_code",
    `This is another's code (${originText(origin)}): it runs in a sandbox only. ${message}`,
    "Install bubblewrap, or judge it in a container: docs/security.md says what keeps it in.",
    detail,
  );
}

function needsMore({ recorder, repeats }: Lane): boolean {
  const last = repeats.at(-1);
  return repeats.length < recorder.plan.seeds.length && (last === undefined || !endsSeries(last));
}

/** What is to be judged. Throws `not_found`, and `usage` for what is far too large. */
export async function readSource(path: string): Promise<Uint8Array> {
  try {
    const file = await open(path);
    try {
      const parts: Uint8Array[] = [];
      let bytes = 0;
      for await (const part of file.createReadStream({ autoClose: false })) {
        bytes += part.length;
        if (bytes > MAX_SOURCE_BYTES) throw new CrusaderError("usage", `${path} is far too large for a train.py.`);
        parts.push(part);
      }
      return Buffer.concat(parts);
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof CrusaderError) throw error;
    const code = (error as NodeJS.ErrnoException).code ?? "";
    const reason = { ENOENT: "it does not exist", EISDIR: "it is a folder", EACCES: "access is denied" }[code] ?? code;
    throw new CrusaderError("not_found", `${path} cannot be read: ${reason}.`, "Check the path.");
  }
}

const NOTHING_RECORDED: Recorded = { events: [], outputBytes: 0 };

/** Passes on what is not recorded yet. */
function unrecorded({ events, outputBytes }: Recorded, listener: Listener): Listener {
  const nextSequence = (events.at(-1)?.seq ?? -1) + 1;
  let skip = outputBytes;
  return {
    event: (event) => {
      if (event.seq >= nextSequence) listener.event(event);
    },
    output: (chunk) => {
      const skipped = Math.min(skip, chunk.length);
      skip -= skipped;
      if (skipped < chunk.length) listener.output(chunk.subarray(skipped));
    },
    contact: (problem) => listener.contact?.(problem),
  };
}

function repeatResult(
  { result, ended, notes = [] }: Ending,
  said: readonly Event[],
  wallSeconds: number,
): RepeatResult {
  const endedNote: RepeatResult["notes"] = [
    {
      level: "info",
      id: "processes_ended",
      message: `Still alive at the end, and killed: ${ended.map(({ pid, name }) => `${name} (${pid})`).join(", ")}.`,
      line: null,
    },
  ];
  return {
    ...result,
    checks: said.filter((event) => event.type === "check").map(withoutHeader),
    notes: [
      ...said.filter((event) => event.type === "note").map(withoutHeader),
      ...(ended.length > 0 ? endedNote : []),
      ...notes,
    ],
    stageSeconds: Object.fromEntries(
      said.flatMap((event) => (event.type === "stage" && event.seconds !== null ? [[event.stage, event.seconds]] : [])),
    ),
    wallSeconds,
    ...gpusOf(said),
    ...(said.some(({ type }) => type === "gpus") ? { gpuObservations: gpuObservations(gpuRecordOf(said)) } : {}),
  };
}

function gpusOf(said: readonly Event[]): Pick<RepeatResult, "gpus"> {
  const devices = said.find((event) => event.type === "gpu_devices");
  return devices === undefined ? {} : { gpus: devices.gpus.map(({ name, memoryBytes }) => ({ name, memoryBytes })) };
}

function withoutHeader<E extends Event>({ v: _v, seq: _seq, t: _t, type: _type, ...content }: E) {
  return content;
}

/** What stopped a series from outside of an evaluation. */
function failureOf(error: unknown): Failure {
  if (error instanceof Cancelled) return cancelledFailure("scan");
  const common = { code: null, stage: "scan", rank: null, line: null } as const;
  if (error instanceof CrusaderError) {
    const { message, hint, detail } = error;
    return { ...common, kind: "environment", fault: "environment", message, hint, detail };
  }
  return {
    ...common,
    kind: "internal",
    fault: "workbench",
    message: "Crusader itself failed; this says nothing about the submission.",
    hint: "Please report it with the detail below.",
    detail: error instanceof Error ? (error.stack ?? error.message) : String(error),
  };
}

class Cancelled extends Error {}
class Detached extends Error {}

/** Carries the user's wish to stop, or to leave, to whatever is going on. */
class Control {
  readonly #controller = new AbortController();
  readonly #detached = Promise.withResolvers<never>();
  readonly #left = Promise.withResolvers<void>();
  #evaluation: Evaluation | null = null;
  #atOnce = false;

  constructor() {
    this.#detached.promise.catch(() => {});
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Resolves when everything is left as a later process needs it. */
  get left(): Promise<void> {
    return this.#left.promise;
  }

  leave(): void {
    this.#left.resolve();
  }

  cancel(atOnce: boolean): void {
    this.#atOnce ||= atOnce;
    this.#controller.abort(new Cancelled());
    this.#stop();
  }

  /** Nothing where it is being cancelled. */
  detach(): void {
    this.#controller.abort(new Detached());
    this.#stop();
  }

  async during(evaluation: Evaluation): Promise<Ending> {
    this.#evaluation = evaluation;
    // The wish may have come while it was being launched.
    if (this.signal.aborted) this.#stop();
    const ending = await Promise.race([evaluation.done, this.#detached.promise]);
    this.#evaluation = null;
    return ending;
  }

  #stop(): void {
    if (this.signal.reason instanceof Detached) {
      this.#evaluation?.detach?.();
      this.#detached.reject(this.signal.reason);
    } else if (this.#atOnce) this.#evaluation?.kill();
    else this.#evaluation?.cancel();
  }
}

class EventQueue<T> implements AsyncIterable<T> {
  #waiting: T[] = [];
  #wake: () => void = () => {};
  #closed = false;

  push(item: T): void {
    this.#waiting.push(item);
    this.#wake();
  }

  close(): void {
    this.#closed = true;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (;;) {
      const items = this.#waiting;
      this.#waiting = [];
      yield* items;
      if (this.#waiting.length > 0) continue;
      if (this.#closed) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
