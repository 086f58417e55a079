/** How far runs and tasks are, from what the services tell. */
import { PRODUCTION_STAGES, STAGES, type Stage } from "../../common/events.ts";
import type { RunUpdate } from "../../common/simulation.ts";
import type { Task } from "../../common/tasks.ts";

export type RunProgress = { runId: string; stage: Stage | null } & Pick<
  RunUpdate["status"],
  "repeat" | "repeatsPlanned" | "contact"
>;

/** What an update says about where the run is. */
export function advanced(before: RunProgress, { runId, events, status }: RunUpdate): RunProgress {
  const running = events.findLast(({ event }) => event.type === "stage" && event.state === "running")?.event;
  return {
    runId,
    stage: running?.type === "stage" ? running.stage : before.stage,
    repeat: status.repeat,
    repeatsPlanned: status.repeatsPlanned,
    contact: status.contact,
  };
}

/** Tasks that ended between two states, also those that began between them. */
export function ended(before: readonly Task[], after: readonly Task[]): Task[] {
  const hadEnded = new Set(before.filter(({ state }) => state !== "running").map(({ id }) => id));
  return after.filter(({ id, state }) => state !== "running" && !hadEnded.has(id));
}

/** Share of the run's stages that are behind it; a stage counts the same however long it takes. */
export function runFraction({ stage, repeat, repeatsPlanned }: RunProgress): number | null {
  if (stage === null) return null;
  const stages: readonly Stage[] = stage === "evaluation" ? PRODUCTION_STAGES : STAGES;
  const inRepeat = stages.indexOf(stage) / stages.length;
  return Math.min(1, ((repeat ?? 0) + inRepeat) / repeatsPlanned);
}
