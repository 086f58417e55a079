export { Annotations } from "./annotations.ts";
export { type CsvColumn, csvOf, runsAsCsv } from "./csv.ts";
export type { EventReader } from "./event-reader.ts";
export type { Recorder, RunOutcome } from "./recorder.ts";
export type {
  Adopted,
  ListOptions,
  PlanDraft,
  PruneOptions,
  PruneReport,
  RunDraft,
  RunList,
  RunStoreOptions,
} from "./run-store.ts";
export { RunStore } from "./run-store.ts";
export { readSharedRun, type SharedRun } from "./shared-run.ts";
export type { Unfinished } from "./unfinished.ts";
