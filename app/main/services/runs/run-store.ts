/** The runs there are: created, listed, shown, deleted. `runs/<number>/` is the truth, `history.db` an index over it. */
import { createHash, randomUUID } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import type { ZodType } from "zod";
import { CrusaderError } from "../../../common/errors.ts";
import type { Event } from "../../../common/events.ts";
import type { OutputPage } from "../../../common/history.ts";
import type {
  CodeOrigin,
  Plan,
  RecordedEvent,
  RunRecord,
  RunResult,
  RunState,
  RunSummary,
  UnreadableRun,
} from "../../../common/runs.ts";
import { planSchema, RECORD_VERSION, recordedEventSchema, runResultSchema } from "../../../common/runs.ts";
import type { OutputLimits } from "./capped-output.ts";
import { EventReader } from "./event-reader.ts";
import { folderBytes, writeAtomically } from "./files.ts";
import type { FolderEntry, RunFilter } from "./history-index.ts";
import { HistoryIndex } from "./history-index.ts";
import { readTextPage } from "./output-page.ts";
import { isAlive, ownerSchema, thisProcess } from "./owner.ts";
import { FREE_SPACE_HINT, isDiskFull, Recorder } from "./recorder.ts";
import { EXPORT_VERSION, type SharedRun } from "./shared-run.ts";
import { readUnfinished, type Unfinished } from "./unfinished.ts";

/** A plan but for what the store gives it: number, time, and what follows from the source. */
export type PlanDraft = Omit<Plan, "version" | "runId" | "createdAt" | "submission" | "against"> & {
  submission: Pick<Plan["submission"], "name" | "path" | "origin">;
};
export type RunDraft = { plan: PlanDraft; source: Uint8Array };

export type ListOptions = RunFilter & { limit?: number | undefined; offset?: number | undefined };
export type RunList = { runs: RunSummary[]; total: number; unreadable: UnreadableRun[] };

/** A run of a process that has ended, which this one goes on with. */
export type Adopted = {
  recorder: Recorder;
  unfinished: Unfinished;
  /** What is recorded of the repeat that was going on. */
  recorded: { events: Event[]; outputBytes: number };
};

/** At least one of them. A run goes when any of them says so; running and unreadable ones stay. */
export type PruneOptions = {
  /** Number of newest runs that stay. */
  keep?: number | undefined;
  olderThanDays?: number | undefined;
  /** The oldest go until the rest takes no more than this. */
  maxBytes?: number | undefined;
};
export type PruneReport = { runs: RunSummary[]; bytes: number; remaining: number; remainingBytes: number };

export type RunStoreOptions = {
  dataFolder: string;
  /** Milliseconds since 1970. */
  now?: () => number;
  outputLimits?: OutputLimits;
};

const DEFAULT_LIMIT = 50;
const RUN_ID = /^[1-9]\d{0,14}$/;
const DAY_MS = 24 * 60 * 60 * 1000;
/** Folders that are being made or deleted; no records. */
const TEMPORARY_PREFIX = ".";
const ASIDE_PREFIX = `${TEMPORARY_PREFIX}deleted-`;
const ASIDE_KEPT_MS = 60 * 60 * 1000;
/** What the result of an imported run says beside what it said itself. */
const IMPORTED_REASON = "an imported record: another Crusader measured it, on another machine";
const ABANDONED_AFTER_MS = DAY_MS;
const NEWLINE = 0x0a;

export class RunStore {
  readonly #runsFolder: string;
  readonly #now: () => number;
  readonly #outputLimits: OutputLimits | undefined;
  readonly #index: HistoryIndex;

  /** Creates nothing until it is used. Several stores, also in several processes, may share a folder. */
  constructor({ dataFolder, now = Date.now, outputLimits }: RunStoreOptions) {
    this.#runsFolder = join(dataFolder, "runs");
    this.#now = now;
    this.#outputLimits = outputLimits;
    this.#index = new HistoryIndex(join(dataFolder, "history.db"), (knownIds) => this.#scan(knownIds));
  }

  close(): void {
    this.#index.close();
  }

  /**
   * Writes plan and source down and gives the run its number. Throws `disk_full` or `data_folder` with nothing left
   * behind: nothing has been judged yet.
   */
  create(plan: PlanDraft, source: Uint8Array): Recorder {
    return this.#create([{ plan, source }])[0] as Recorder;
  }

  /** Two runs that are each other's other side, for an interleaved A/B series. */
  createPair(a: RunDraft, b: RunDraft): [Recorder, Recorder] {
    return this.#create([a, b]) as [Recorder, Recorder];
  }

  /**
   * Enters a record of another Crusader under the next number. It keeps its dates and its version (v14 of theirs), counts
   * with no submission of this folder, and belongs to no pair. Throws `disk_full` or `data_folder` with nothing left behind.
   */
  import({ plan: theirs, result, events, source, output }: SharedRun): { runId: string; origin: CodeOrigin } {
    this.#prepare();
    const origin: CodeOrigin = { runId: theirs.runId, importedAt: new Date(this.#now()).toISOString() };
    const enter = (runId: string) => {
      const plan: Plan = {
        ...theirs,
        runId,
        // The path of another machine may be one of this machine's too.
        submission: { ...theirs.submission, path: join(this.#folder(runId), "train.py"), origin },
        imported: true,
        against: null,
      };
      const reasons = result.notComparable.filter((reason) => reason !== IMPORTED_REASON);
      const ours: RunResult = { ...result, runId, notComparable: [IMPORTED_REASON, ...reasons] };
      const bytes = this.#writeFolder(runId, {
        "train.py": source,
        "events.jsonl": events.map((event) => `${JSON.stringify(event)}\n`).join(""),
        "output.log": output,
        "plan.json": json(plan),
        "result.json": json(ours),
      });
      return summaryOf({ id: runId, state: ours.outcome, bytes, plan, result: ours });
    };
    let written: string | null = null;
    try {
      const { id } = this.#index.admit(
        () => this.#highestId(),
        (runId) => {
          const summary = enter(runId);
          written = runId;
          return summary;
        },
      );
      return { runId: id, origin };
    } catch (error) {
      if (written !== null) rmSync(this.#folder(written), { recursive: true, force: true });
      throw error;
    }
  }

  /** Runs that go on although the process that recorded them has ended. */
  unattended(): string[] {
    this.#prepare();
    return this.list({ state: "running", limit: Number.MAX_SAFE_INTEGER })
      .runs.map(({ id }) => id)
      .filter((id) => !hasOwner(this.#folder(id)) && readUnfinished(this.#folder(id)) !== null)
      .sort((a, b) => Number(a) - Number(b));
  }

  /**
   * Makes this process the one that records the run: one of `unattended`, under a lock that keeps others from it. Throws
   * `not_found` and `invalid_record`, and `disk_full` or `data_folder` with nothing changed.
   */
  adopt(id: string): Adopted {
    const folder = this.#existing(id);
    const { plan } = readRecord(id, folder);
    const unfinished = readUnfinished(folder);
    if (unfinished === null) throw invalidRecord(id, "what it needs to go on is gone");
    try {
      writeAtomically(join(folder, "owner.json"), `${JSON.stringify(thisProcess())}\n`);
      cutTornLine(join(folder, "events.jsonl"));
    } catch (error) {
      throw this.#unwritable(error);
    }
    const repeat = unfinished.repeats.length;
    const events = this.events(id).events.flatMap((line) => (line.repeat === repeat ? [line.event] : []));
    const fileBytes = this.outputBytes(id);
    const seenBytes = Math.max(fileBytes, unfinished.outputBytes);
    const onFinished = (result: RunResult) => this.#enter(plan, result);
    return {
      recorder: new Recorder(plan, folder, onFinished, this.#outputLimits, { fileBytes, seenBytes }),
      unfinished,
      recorded: { events, outputBytes: Math.max(0, fileBytes - unfinished.outputBytes) },
    };
  }

  list({ limit = DEFAULT_LIMIT, offset = 0, ...filter }: ListOptions = {}): RunList {
    this.#prepare();
    this.#settleUnfinished();
    return { ...this.#index.list(filter, limit, offset), unreadable: this.#index.unreadable() };
  }

  /** Throws `not_found`, or `invalid_record` where the record is damaged or of a newer version. */
  show(id: string): RunRecord {
    return readRecord(id, this.#existing(id));
  }

  /** The judge's events in order. Lines that are torn or unknown are left out and counted. */
  events(id: string): { events: RecordedEvent[]; unreadableLines: number } {
    const text = readIfThere(join(this.#existing(id), "events.jsonl"))?.toString("utf8") ?? "";
    const lines = text.split("\n").filter((line) => line !== "");
    const events = lines.flatMap((line) => recordedEventSchema.safeParse(parseJson(line)).data ?? []);
    return { events, unreadableLines: lines.length - events.length };
  }

  /** Reads the judge's events in order, also while they are being written. */
  readEvents(id: string): EventReader {
    return new EventReader(join(this.#existing(id), "events.jsonl"));
  }

  /** Bytes of the log so far. */
  outputBytes(id: string): number {
    return statSync(join(this.#existing(id), "output.log"), { throwIfNoEntry: false })?.size ?? 0;
  }

  /** A part of the log as text; both ends lie between two characters. */
  outputPage(id: string, offset: number, maxBytes: number): OutputPage {
    const folder = this.#existing(id);
    return readTextPage(join(folder, "output.log"), offset, maxBytes, stateOf(folder) === "running");
  }

  /** Everything of one run, as `crusader runs export` writes it. */
  export(id: string): Record<string, unknown> {
    return {
      exportVersion: EXPORT_VERSION,
      ...this.show(id),
      ...this.events(id),
      source: textOrBase64(this.source(id)),
      output: textOrBase64(this.output(id)),
    };
  }

  /** The log; untrusted bytes. */
  output(id: string): Buffer {
    return readIfThere(join(this.#existing(id), "output.log")) ?? Buffer.alloc(0);
  }

  /**
   * Whose code a file is: set for the `train.py` of a run of another's code, by whatever way the path leads there, and for
   * every unchanged copy of it.
   */
  originOf(path: string, source: Uint8Array): CodeOrigin | undefined {
    return this.#originOfRecord(path) ?? this.originOfCode(sha256Of(source));
  }

  /** By what is in it: another's, where a run of just that was imported before there was one of the user's own. */
  originOfCode(sha256: string): CodeOrigin | undefined {
    this.#prepare();
    return this.#index.firstOf(sha256)?.submission.origin;
  }

  /** The newest runs of code with that hash, the newest first. */
  runsOf(sha256: string, limit: number): RunSummary[] {
    this.#prepare();
    this.#settleUnfinished();
    return this.#index.lastOf(sha256, limit);
  }

  /** True where the user ran just that before anybody's record of it was imported. */
  isOwnCode(sha256: string): boolean {
    this.#prepare();
    const first = this.#index.firstOf(sha256);
    return first !== undefined && first.submission.origin === undefined;
  }

  #originOfRecord(path: string): CodeOrigin | undefined {
    let [folder, runs] = ["", ""];
    try {
      [folder, runs] = [dirname(realpathSync(path)), realpathSync(this.#runsFolder)];
    } catch {
      // No such file, or no runs yet.
      return undefined;
    }
    const id = basename(folder);
    return dirname(folder) === runs && RUN_ID.test(id) ? this.show(id).plan.submission.origin : undefined;
  }

  /** The judged bytes. */
  source(id: string): Buffer {
    const source = readIfThere(join(this.#existing(id), "train.py"));
    if (source === null) throw invalidRecord(id, "train.py is missing");
    return source;
  }

  /** Throws before anything is deleted: `not_found`, or `busy` for a run that is running. */
  delete(ids: readonly string[]): { bytes: number } {
    const { undoId, bytes } = this.setAside(ids);
    for (const { folder } of this.#asideOf(undoId)) rmSync(folder, { recursive: true, force: true });
    return { bytes };
  }

  /** As `delete`, but `restore` brings the runs back until `purge` has removed them. */
  setAside(ids: readonly string[]): { undoId: string; runIds: string[]; bytes: number } {
    this.#prepare();
    const folders = [...new Set(ids)].map((id) => ({ id, folder: this.#existing(id) }));
    for (const { id, folder } of folders) {
      if (stateOf(folder) === "running")
        throw new CrusaderError("busy", `Run ${id} is running.`, "Cancel it first, or wait for its end.");
    }
    const undoId = randomUUID();
    let bytes = 0;
    for (const { id, folder } of folders) {
      bytes += folderBytes(folder);
      const now = this.#now() / 1000;
      // Its age from here on; what is older than an hour is purged.
      utimesSync(folder, now, now);
      // A rename: a deletion that is cut short leaves no half record.
      renameSync(folder, join(this.#runsFolder, `${ASIDE_PREFIX}${id}-${undoId}`));
    }
    const runIds = folders.map(({ id }) => id);
    this.#index.remove(runIds);
    return { undoId, runIds, bytes };
  }

  /** Throws `not_found` once they are purged. */
  restore(undoId: string): string[] {
    const aside = this.#asideOf(undoId);
    if (aside.length === 0)
      throw new CrusaderError("not_found", "There is nothing to bring back.", "Deleted runs are kept for an hour.");
    for (const { id, folder } of aside) renameSync(folder, this.#folder(id));
    const runIds = aside.map(({ id }) => id);
    for (const entry of this.#scanFolders(runIds)) this.#index.put(entry);
    return runIds;
  }

  /** Removes what was set aside longer ago than that. */
  purge(ageMs = ASIDE_KEPT_MS): void {
    this.#prepare();
    for (const entry of readdirSync(this.#runsFolder)) {
      if (!entry.startsWith(ASIDE_PREFIX)) continue;
      const folder = join(this.#runsFolder, entry);
      const { mtimeMs } = statSync(folder, { throwIfNoEntry: false }) ?? {};
      if (mtimeMs !== undefined && this.#now() - mtimeMs > ageMs) rmSync(folder, { recursive: true, force: true });
    }
  }

  /** The last index that was damaged and had to be rebuilt, since this object was made. */
  get damagedIndex(): { file: string; reason: string } | null {
    return this.#index.setAside;
  }

  /** Moves with every change of the history, whoever makes it. */
  fingerprint(): string {
    return this.#index.fingerprint();
  }

  #asideOf(undoId: string): { id: string; folder: string }[] {
    return readdirSync(this.#runsFolder).flatMap((entry) => {
      const id = entry.startsWith(ASIDE_PREFIX) ? (entry.slice(ASIDE_PREFIX.length).split("-")[0] ?? "") : "";
      return entry === `${ASIDE_PREFIX}${id}-${undoId}` ? [{ id, folder: join(this.#runsFolder, entry) }] : [];
    });
  }

  /** What the options would delete; with `dryRun: false` it is deleted. Throws `usage` without any option. */
  prune({ keep, olderThanDays, maxBytes, dryRun }: PruneOptions & { dryRun: boolean }): PruneReport {
    if (keep === undefined && olderThanDays === undefined && maxBytes === undefined) {
      throw new CrusaderError(
        "usage",
        "Nothing says which runs to prune.",
        "Give a number to keep, an age in days, or a size.",
      );
    }
    const { runs } = this.list({ limit: Number.MAX_SAFE_INTEGER });
    const oldest = olderThanDays === undefined ? "" : new Date(this.#now() - olderThanDays * DAY_MS).toISOString();
    let keptBytes = 0;
    const doomed: RunSummary[] = [];
    for (const [index, run] of runs.entries()) {
      const goes =
        index >= (keep ?? Number.POSITIVE_INFINITY) ||
        run.createdAt < oldest ||
        keptBytes + run.bytes > (maxBytes ?? Number.POSITIVE_INFINITY);
      if (goes && run.state !== "running") doomed.push(run);
      else keptBytes += run.bytes;
    }
    if (!dryRun) this.delete(doomed.map(({ id }) => id));
    return {
      runs: doomed,
      bytes: doomed.reduce((sum, { bytes }) => sum + bytes, 0),
      remaining: runs.length - doomed.length,
      remainingBytes: keptBytes,
    };
  }

  /** Builds the index anew from the folders, and removes what a crash left half made or half deleted. */
  reindex(): { indexed: number; unreadable: UnreadableRun[] } {
    this.#prepare();
    for (const entry of readdirSync(this.#runsFolder)) {
      const path = join(this.#runsFolder, entry);
      const { mtimeMs = this.#now() } = statSync(path, { throwIfNoEntry: false }) ?? {};
      const abandoned = entry.startsWith(TEMPORARY_PREFIX) && this.#now() - mtimeMs > ABANDONED_AFTER_MS;
      if (abandoned) rmSync(path, { recursive: true, force: true });
    }
    return this.#index.rebuild();
  }

  #create(drafts: readonly RunDraft[]): Recorder[] {
    this.#prepare();
    const createdAt = new Date(this.#now()).toISOString();
    const submissions = drafts.map(({ plan, source }) => ({
      ...plan.submission,
      sha256: sha256Of(source),
      bytes: source.length,
    }));
    const plans: Plan[] = [];
    try {
      this.#index.allocate(
        submissions,
        () => this.#highestId(),
        (ids, versions) =>
          drafts.map(({ plan: draft, source }, index) => {
            const plan: Plan = {
              ...draft,
              version: RECORD_VERSION,
              runId: ids[index] as string,
              createdAt,
              submission: {
                ...(submissions[index] as (typeof submissions)[number]),
                version: versions[index] as number,
              },
              against: ids.length === 2 ? (ids[1 - index] as string) : null,
            };
            const bytes = this.#writeFolder(plan.runId, {
              "owner.json": `${JSON.stringify(thisProcess())}\n`,
              "train.py": source,
              "plan.json": json(plan),
            });
            plans.push(plan);
            return summaryOf({ id: plan.runId, state: "running", bytes, plan, result: null });
          }),
      );
    } catch (error) {
      for (const { runId } of plans) rmSync(this.#folder(runId), { recursive: true, force: true });
      throw error;
    }
    return plans.map(
      (plan) => new Recorder(plan, this.#folder(plan.runId), (result) => this.#enter(plan, result), this.#outputLimits),
    );
  }

  /** Appears complete or not at all, and never in another's place. Returns its size in bytes. */
  #writeFolder(runId: string, files: Record<string, string | Uint8Array>): number {
    const unfinished = join(this.#runsFolder, `${TEMPORARY_PREFIX}new-${randomUUID()}`);
    try {
      mkdirSync(unfinished, { mode: 0o700 });
      for (const [name, content] of Object.entries(files)) writeAtomically(join(unfinished, name), content);
      const bytes = folderBytes(unfinished);
      renameSync(unfinished, this.#folder(runId));
      return bytes;
    } catch (error) {
      rmSync(unfinished, { recursive: true, force: true });
      throw this.#unwritable(error);
    }
  }

  #enter(plan: Plan, result: RunResult): void {
    try {
      const bytes = folderBytes(this.#folder(plan.runId));
      this.#index.put({ summary: summaryOf({ id: plan.runId, state: result.outcome, bytes, plan, result }) });
    } catch (error) {
      // The next list finds the result in its folder (#settleUnfinished).
      if (!(error instanceof CrusaderError) && (error as NodeJS.ErrnoException).code === undefined) throw error;
    }
  }

  /** Runs that the index holds for running: some have ended meanwhile, some died. */
  #settleUnfinished(): void {
    for (const { id } of this.#index.list({ state: "running" }, Number.MAX_SAFE_INTEGER, 0).runs) {
      const [entry] = this.#scanFolders([id]);
      if (entry === undefined) this.#index.remove([id]);
      else if ("unreadable" in entry || entry.summary.state !== "running") this.#index.put(entry);
    }
  }

  #scan(knownIds: ReadonlySet<string> = new Set()): FolderEntry[] {
    const ids = readdirSync(this.#runsFolder).filter((entry) => RUN_ID.test(entry) && !knownIds.has(entry));
    return this.#scanFolders(ids);
  }

  #scanFolders(ids: readonly string[]): FolderEntry[] {
    return ids.flatMap((id): FolderEntry[] => {
      const folder = this.#folder(id);
      try {
        return [{ summary: summaryOf(readRecord(id, folder)) }];
      } catch (error) {
        if (!existsSync(folder)) return [];
        const reason = error instanceof CrusaderError ? error.message : String(error);
        return [{ unreadable: { id, reason, bytes: statSync(folder).isDirectory() ? folderBytes(folder) : 0 } }];
      }
    });
  }

  #highestId(): number {
    return readdirSync(this.#runsFolder).reduce(
      (highest, entry) => (RUN_ID.test(entry) ? Math.max(highest, Number(entry)) : highest),
      0,
    );
  }

  #folder(id: string): string {
    return join(this.#runsFolder, id);
  }

  #existing(id: string): string {
    const folder = this.#folder(id);
    // The pattern also keeps "../" out.
    if (!RUN_ID.test(id) || !existsSync(folder)) {
      throw new CrusaderError("not_found", `There is no run ${id}.`, "crusader runs list shows those there are.");
    }
    return folder;
  }

  #prepare(): void {
    try {
      mkdirSync(this.#runsFolder, { recursive: true, mode: 0o700 });
    } catch (error) {
      throw this.#unwritable(error);
    }
  }

  #unwritable(error: unknown): unknown {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === undefined) return error;
    return isDiskFull(error)
      ? new CrusaderError(
          "disk_full",
          "The disk is full: the run cannot be recorded and was neither started nor imported.",
          FREE_SPACE_HINT,
          message,
        )
      : new CrusaderError(
          "data_folder",
          `${this.#runsFolder} cannot be written.`,
          "Check the folder's owner and rights, or name another data folder in CRUSADER_HOME.",
          message,
        );
  }
}

function sha256Of(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function readRecord(id: string, folder: string): RunRecord {
  // The result first: a run that ends between the two reads is then seen as running, never as interrupted.
  const state = stateOf(folder);
  const plan = readJson(id, folder, "plan.json", planSchema);
  if (plan === null) throw invalidRecord(id, "plan.json is missing");
  const result = readJson(id, folder, "result.json", runResultSchema);
  if (plan.runId !== basename(folder)) throw invalidRecord(id, `its plan is that of run ${plan.runId}`);
  return { id, state: result?.outcome ?? state, bytes: folderBytes(folder), plan, result };
}

/** Without a result: whether it goes on. With one, whatever `readRecord` makes of it. */
function stateOf(folder: string): RunState {
  const goesOn = () => hasOwner(folder) || readUnfinished(folder) !== null;
  return !existsSync(join(folder, "result.json")) && goesOn() ? "running" : "interrupted";
}

function hasOwner(folder: string): boolean {
  const owner = ownerSchema.safeParse(parseJson(readIfThere(join(folder, "owner.json"))?.toString("utf8") ?? ""));
  return owner.success && isAlive(owner.data);
}

/** What a process was writing when it died. */
function cutTornLine(path: string): void {
  const content = readIfThere(path);
  if (content !== null && content.at(-1) !== NEWLINE) truncateSync(path, content.lastIndexOf(NEWLINE) + 1);
}

function readJson<T>(id: string, folder: string, file: string, schema: ZodType<T>): T | null {
  const content = readIfThere(join(folder, file));
  if (content === null) return null;
  const value = parseJson(content.toString("utf8"));
  const version = (value as { version?: unknown } | undefined)?.version;
  if (typeof version === "number" && version > RECORD_VERSION) {
    throw new CrusaderError(
      "invalid_record",
      `Run ${id} was written by a newer Crusader (record version ${version}; this one reads up to ${RECORD_VERSION}).`,
      "Update Crusader to see it. Its files are left as they are.",
    );
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw invalidRecord(
      id,
      value === undefined ? `${file} is no JSON` : `${file}: ${issue?.path.join(".")}: ${issue?.message}`,
    );
  }
  return parsed.data;
}

function invalidRecord(id: string, reason: string): CrusaderError {
  return new CrusaderError(
    "invalid_record",
    `The record of run ${id} is damaged: ${reason}.`,
    `Its other files are left as they are; crusader runs delete ${id} removes them.`,
  );
}

const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function readIfThere(path: string): Buffer | null {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

function summaryOf({ id, state, bytes, plan, result }: RunRecord): RunSummary {
  const { name, path, sha256, version, origin } = plan.submission;
  const failure = result?.failure ?? null;
  return {
    id,
    state,
    createdAt: plan.createdAt,
    finishedAt: result?.finishedAt ?? null,
    submission: { name, path, sha256, version, ...(origin === undefined ? {} : { origin }) },
    ...(plan.imported === undefined ? {} : { imported: plan.imported }),
    profile: { name: plan.profile.name, kind: plan.profile.kind },
    backend: plan.backend,
    ...(plan.production === undefined ? {} : { productionRevision: plan.production.revision.label }),
    numRanks: plan.numRanks,
    against: plan.against,
    score: result?.score ?? null,
    successRate: result?.successRate ?? null,
    repeatsPlanned: result?.repeatsPlanned ?? plan.seeds.length,
    failure: failure === null ? null : { kind: failure.kind, code: failure.code, message: failure.message },
    comparable: result !== null && result.notComparable.length === 0,
    wallSeconds: result === null ? null : (Date.parse(result.finishedAt) - Date.parse(result.startedAt)) / 1000,
    bytes,
  };
}

/** Bytes as text where they are text. */
function textOrBase64(bytes: Uint8Array): { text: string } | { base64: string } {
  try {
    return { text: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch {
    return { base64: Buffer.from(bytes).toString("base64") };
  }
}
