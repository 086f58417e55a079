/**
 * Runs as a window sees them: started with a number at once, followed by anyone from any point, cancelled by number.
 * What is followed is the record on the disk, so a stream is the same live, after a reload, after a restart of the host,
 * and for a run of another process.
 */
import { setImmediate } from "node:timers/promises";
import type { ErrorReport } from "../../../common/errors.ts";
import { CrusaderError } from "../../../common/errors.ts";
import type { Plan, RunResult } from "../../../common/runs.ts";
import type { ActiveRun, NumberedEvent, RunStatus, RunUpdate } from "../../../common/simulation.ts";
import { emptyGpuRecord, type GpuTelemetry, gpuTelemetryOf, takeEvent } from "../../../common/telemetry.ts";
import type { RunStore } from "../runs/index.ts";
import { Revision } from "../streams/index.ts";
import type { Simulation, SimulationRequest, SimulationService } from "./simulation-service.ts";

type Own = {
  plan: Plan;
  simulation: Simulation<unknown>;
  status: RunStatus;
  result: RunResult | null;
  recordProblem: ErrorReport | null;
  moved: Revision;
};

type View = Pick<RunUpdate, "status" | "result" | "recordProblem">;

/** At most ten updates a second. */
const PAUSE_MS = 100;
/** Between two pictures of what GPUs do. */
const GPUS_PAUSE_MS = 1000;
/** How often the log's size, and the record of another process's run, are looked at. */
const LOOK_EVERY_MS = 250;
/** Of one update; what is more follows in the next. */
const MAX_EVENTS = 2000;
const REATTACHING = { state: "reattaching", problem: null } as const;
/** Ended runs that are still known with what their record may lack. */
const MAX_ENDED = 100;

export class ActiveRuns {
  readonly #service: SimulationService;
  readonly #store: RunStore;
  readonly #runs = new Map<string, Own>();
  #closing = false;

  constructor({ service, store }: { service: SimulationService; store: RunStore }) {
    this.#service = service;
    this.#store = store;
  }

  /** Throws as `SimulationService.start` does. */
  async start(request: SimulationRequest): Promise<Plan> {
    this.#refuseWhenClosing();
    const [plan] = this.#take(await this.#service.start(request));
    return plan as Plan;
  }

  /** Throws as `SimulationService.startComparison` does. */
  async startComparison(a: SimulationRequest, b: Pick<SimulationRequest, "path" | "source">): Promise<[Plan, Plan]> {
    this.#refuseWhenClosing();
    const plans = this.#take(await this.#service.startComparison({ a, b, repeats: a.repeats }));
    return plans as [Plan, Plan];
  }

  /** Newest first; also runs of other processes. */
  list(): ActiveRun[] {
    return this.#store.list({ state: "running", limit: MAX_ENDED }).runs.flatMap(({ id }) => {
      const own = this.#runs.get(id);
      const { status } = this.#view(id);
      // A run whose result the disk refused has ended all the same.
      if (status.state !== "running") return [];
      const plan = own?.plan ?? this.#store.show(id).plan;
      const outlivesApp = own !== undefined && own.simulation.detach !== null;
      return [{ runId: id, plan, status, ownedHere: own !== undefined, outlivesApp }];
    });
  }

  /**
   * Returns when nothing of it lives any more. Throws `not_found`, and `unsupported` for a run of another process. A run
   * that has ended already stays as it is.
   */
  async cancel(runId: string, atOnce: boolean): Promise<void> {
    const own = this.#runs.get(runId);
    if (own !== undefined) {
      this.#markCancelling(own);
      await own.simulation.cancel({ atOnce });
      return;
    }
    if (this.#store.show(runId).state !== "running") return;
    throw new CrusaderError(
      "unsupported",
      `Run ${runId} belongs to another Crusader process.`,
      "Cancel it there: Ctrl-C in its terminal, or its own window.",
    );
  }

  /** Goes on with runs that have outlived their process. Throws as `SimulationService.reattach` does. */
  async reattach(): Promise<Plan[]> {
    this.#refuseWhenClosing();
    return (await this.#service.reattach()).flatMap((simulation) => this.#take(simulation, REATTACHING));
  }

  /**
   * Leaves what goes on without this process, and cancels the other runs; returns when they are recorded. No run can be
   * started after it.
   */
  async close(): Promise<void> {
    this.#closing = true;
    const running = [...this.#runs.values()].filter(({ result }) => result === null);
    await Promise.all(
      running.map((own) => {
        if (own.simulation.detach !== null && !own.status.cancelling) return own.simulation.detach();
        this.#markCancelling(own);
        return own.simulation.cancel();
      }),
    );
  }

  /**
   * What happened after that number, then what happens; ends with the run, or with `signal`. Throws `not_found` and
   * `invalid_record`. A number that the record does not reach is a gap: the stream then begins anew at 0.
   */
  async *follow(runId: string, after: number, signal: AbortSignal | undefined): AsyncGenerator<RunUpdate> {
    let reader = this.#store.readEvents(runId);
    let waiting: NumberedEvent[] = [];
    while (reader.number < after) {
      const events = reader.read();
      if (events.length === 0) break;
      waiting = withoutSamples(events).filter(({ number }) => number > after);
    }
    let position = after;
    if (reader.number < after) {
      reader = this.#store.readEvents(runId);
      waiting = [];
      position = 0;
    }
    let shown = "";
    while (signal?.aborted !== true) {
      const own = this.#runs.get(runId);
      const seen = own?.moved.number ?? 0;
      // Before the events: a run that has ended here has written its last one.
      const view = this.#view(runId);
      let isAtEnd = false;
      const from = reader.number;
      while (waiting.length < MAX_EVENTS && reader.number - from < MAX_EVENTS && !isAtEnd) {
        const events = reader.read();
        waiting.push(...withoutSamples(events));
        isAtEnd = events.length === 0;
      }
      const events = waiting.slice(0, MAX_EVENTS);
      waiting = waiting.slice(MAX_EVENTS);
      const over = view.status.state !== "running" && isAtEnd && waiting.length === 0;
      const number = waiting.length === 0 ? reader.number : (events.at(-1)?.number ?? position);
      const update: RunUpdate = {
        runId,
        after: position,
        number: Math.max(number, position),
        events: withoutSuperseded(events),
        ...(over ? view : { ...view, status: { ...view.status, state: "running" as const }, result: null }),
        outputBytes: this.#store.outputBytes(runId),
      };
      const { status, outputBytes } = update;
      const now = JSON.stringify({ status, outputBytes, over });
      if (now !== shown || events.length > 0) {
        yield update;
        position = update.number;
      }
      shown = now;
      if (over) return;
      if (waiting.length === 0 && isAtEnd) await (own?.moved ?? new Revision()).next(seen, signal, LOOK_EVERY_MS);
      await new Revision().next(0, signal, PAUSE_MS);
    }
  }

  /**
   * What the GPUs of a repeat do: as far as it is recorded, then about once a second, or as often as a chart of that many
   * columns moves; ends with the repeat, or with `signal`. Throws `not_found`.
   */
  async *followGpus(
    runId: string,
    repeat: number,
    columns: number,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<GpuTelemetry> {
    const reader = this.#store.readEvents(runId);
    const record = emptyGpuRecord();
    let [taken, shown, hasResult] = [0, -1, false];
    while (signal?.aborted !== true) {
      const own = this.#runs.get(runId);
      const seen = own?.moved.number ?? 0;
      // Before the events: a run that has ended here has written its last one.
      const isRunOver = this.#view(runId).status.state !== "running";
      for (let events = reader.read(); events.length > 0; events = reader.read()) {
        for (const { event } of events.filter((line) => line.repeat === repeat)) {
          takeEvent(record, event);
          taken += 1;
          hasResult ||= event.type === "result";
        }
        // A long record must not hold up what others ask.
        await setImmediate();
      }
      const isOver = isRunOver || hasResult;
      if (taken !== shown || isOver) yield gpuTelemetryOf(record, columns, isOver);
      shown = taken;
      if (isOver) return;
      await (own?.moved ?? new Revision()).next(seen, signal, LOOK_EVERY_MS);
      await new Revision().next(0, signal, Math.max(GPUS_PAUSE_MS, (1000 * record.clock) / columns));
    }
  }

  #take({ plans, ...simulation }: Simulation<unknown>, contact: RunStatus["contact"] = null): Plan[] {
    const owns = plans.map((plan): Own => {
      const status: RunStatus = {
        state: "running",
        waiting: null,
        repeat: null,
        repeatsPlanned: plan.seeds.length,
        cancelling: false,
        contact,
      };
      return {
        plan,
        simulation: { plans, ...simulation },
        status,
        result: null,
        recordProblem: null,
        moved: new Revision(),
      };
    });
    this.#forgetOldest();
    for (const own of owns) this.#runs.set(own.plan.runId, own);
    void this.#pump(owns, simulation.events);
    return plans;
  }

  async #pump(owns: readonly Own[], events: Simulation<unknown>["events"]): Promise<void> {
    const change = (own: Own | undefined, status: Partial<RunStatus>) => {
      if (own === undefined) return;
      own.status = { ...own.status, ...status };
      own.moved.advance();
    };
    for await (const said of events) {
      if (said.type === "waiting") {
        for (const own of owns) change(own, { waiting: { behindRunId: said.behindRunId } });
        continue;
      }
      const own = this.#runs.get(said.runId);
      if (said.type === "repeat_started") {
        for (const other of owns) change(other, { waiting: null });
        change(own, { repeat: said.repeat });
      } else if (said.type === "judged") {
        own?.moved.advance();
      } else if (said.type === "contact") {
        const { problem } = said;
        // Until it was heard once it is being found again.
        const state = own?.status.contact?.state === "reattaching" ? "reattaching" : "lost";
        change(own, { contact: problem === null ? null : { state, problem } });
      } else if (said.type === "repeat_ended") {
        change(own, { repeat: null, contact: null });
      } else if (own !== undefined) {
        own.result = said.result;
        own.recordProblem = said.recordProblem;
        change(own, { state: said.result.outcome, waiting: null, repeat: null, contact: null });
      }
    }
  }

  #view(runId: string): View {
    const own = this.#runs.get(runId);
    if (own !== undefined) return { status: own.status, result: own.result, recordProblem: own.recordProblem };
    const { state, plan, result } = this.#store.show(runId);
    const repeatsPlanned = plan.seeds.length;
    const status = { state, waiting: null, repeat: null, repeatsPlanned, cancelling: false, contact: null };
    return { status, result, recordProblem: null };
  }

  #markCancelling(own: Own): void {
    if (own.result !== null) return;
    own.status = { ...own.status, cancelling: true };
    own.moved.advance();
  }

  #forgetOldest(): void {
    const ended = [...this.#runs.values()].filter(({ result }) => result !== null);
    for (const { plan } of ended.slice(0, Math.max(0, ended.length - MAX_ENDED))) this.#runs.delete(plan.runId);
  }

  #refuseWhenClosing(): void {
    if (this.#closing) throw new CrusaderError("busy", "Crusader is shutting down.", "Start it again.");
  }
}

/** Without what the GPUs do: that is much, and has a stream of its own. */
function withoutSamples(events: readonly NumberedEvent[]): NumberedEvent[] {
  return events.filter(({ event }) => event.type !== "gpus");
}

/** Without progress that newer progress of the same stage follows. */
function withoutSuperseded(events: readonly NumberedEvent[]): NumberedEvent[] {
  const last = new Map<string, number>();
  for (const { number, repeat, event } of events) {
    if (event.type === "progress") last.set(`${repeat} ${event.stage}`, number);
  }
  return events.filter(
    ({ number, repeat, event }) => event.type !== "progress" || last.get(`${repeat} ${event.stage}`) === number,
  );
}
