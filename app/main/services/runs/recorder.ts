/** Writes one run down while it happens: `events.jsonl`, `output.log`, `result.json`. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { CrusaderError } from "../../../common/errors.ts";
import type { Event } from "../../../common/events.ts";
import { formatBytes, formatInteger } from "../../../common/format.ts";
import type { Plan, RecordedEvent, RunResult } from "../../../common/runs.ts";
import { RECORD_VERSION } from "../../../common/runs.ts";
import type { OutputLimits } from "./capped-output.ts";
import { CappedOutput } from "./capped-output.ts";
import { AppendFile, writeAtomically } from "./files.ts";
import { UNFINISHED_FILE, type Unfinished } from "./unfinished.ts";

/** A result but for what the recorder knows itself. */
export type RunOutcome = Omit<RunResult, "version" | "runId" | "output">;

/**
 * No method throws because of the disk: a verdict that took minutes is worth more than its record. What went wrong is in
 * `problem`, which is null when everything was kept.
 */
export class Recorder {
  readonly plan: Plan;
  readonly folder: string;
  readonly #events: AppendFile;
  readonly #output: CappedOutput;
  readonly #onFinished: (result: RunResult) => void;
  #eventsSeen = 0;
  #problem: CrusaderError | null = null;

  /** `onFinished` enters the result into the history and does not throw; `earlier`: what another process recorded. */
  constructor(
    plan: Plan,
    folder: string,
    onFinished: (result: RunResult) => void,
    limits?: OutputLimits,
    earlier?: { fileBytes: number; seenBytes: number },
  ) {
    this.plan = plan;
    this.folder = folder;
    this.#events = new AppendFile(join(folder, "events.jsonl"));
    this.#output = new CappedOutput(join(folder, "output.log"), limits, earlier);
    this.#onFinished = onFinished;
  }

  get runId(): string {
    return this.plan.runId;
  }

  /** Why the record is incomplete so far; `disk_full` or `data_folder`. */
  get problem(): CrusaderError | null {
    return this.#problem;
  }

  /** Bytes of log so far, kept or not. */
  get outputBytes(): number {
    return this.#output.seenBytes;
  }

  /** What another process would need to go on with the run. */
  keepUnfinished(unfinished: Unfinished): void {
    const content = `${JSON.stringify(unfinished)}\n`;
    this.#note(attempt(() => writeAtomically(join(this.folder, UNFINISHED_FILE), content)));
  }

  /** The last call where another process is to go on. */
  leave(): void {
    this.#events.close();
    this.#output.leave();
  }

  event(repeat: number, event: Event): void {
    const line: RecordedEvent = { repeat, event };
    this.#eventsSeen += 1;
    this.#note(this.#events.append(Buffer.from(`${JSON.stringify(line)}\n`)));
  }

  /** Bytes of the judge's and the ranks' stdout and stderr; untrusted, kept as they are. */
  output(chunk: Uint8Array): void {
    this.#note(this.#output.write(chunk));
  }

  /** The last call. Tries once more to write what could not be written before. */
  finish(outcome: RunOutcome): RunResult {
    const finished = this.#output.finish();
    let output: RunResult["output"] = { keptBytes: finished.keptBytes, droppedBytes: finished.droppedBytes };
    const refused = this.#events.append(new Uint8Array()) ?? attempt(() => this.#writeResult(outcome, output));
    // The verdict is worth more than the log.
    if (refused !== null && isDiskFull(refused)) output = this.#output.makeRoom();
    const eventsError = this.#events.append(new Uint8Array());
    this.#events.close();
    const resultError = refused === null ? null : attempt(() => this.#writeResult(outcome, output));
    const result = this.#resultOf(outcome, output);
    // Nobody is to go on, also where the result could not be written.
    attempt(() => rmSync(join(this.folder, UNFINISHED_FILE), { force: true }));
    this.#onFinished(result);
    const error = resultError ?? eventsError ?? refused ?? finished.error;
    const { keptBytes, droppedBytes } = output;
    if (error === null && !this.#outputLost(droppedBytes)) this.#problem = null;
    else {
      const kept = [
        "the plan and train.py",
        eventsError === null ? `${formatInteger(this.#eventsSeen)} events` : "a part of the events",
        `${formatBytes(keptBytes)} of output`,
        ...(resultError === null ? ["the result"] : []),
      ];
      const lost = resultError === null ? "" : " The result is not: note the verdict that is shown.";
      this.#problem = recordingProblem(error, this.runId, `Kept: ${kept.join(", ")}.${lost}`, this.#problem);
    }
    return result;
  }

  #resultOf(outcome: RunOutcome, output: RunResult["output"]): RunResult {
    return { version: RECORD_VERSION, runId: this.runId, ...outcome, output };
  }

  #writeResult(outcome: RunOutcome, output: RunResult["output"]): void {
    const content = `${JSON.stringify(this.#resultOf(outcome, output), null, 2)}\n`;
    writeAtomically(join(this.folder, "result.json"), content);
  }

  /** Output is held back by the cap alone unless the disk refused some. */
  #outputLost(droppedBytes: number): boolean {
    return this.#problem !== null && droppedBytes > 0;
  }

  #note(error: NodeJS.ErrnoException | null): void {
    if (error !== null)
      this.#problem ??= recordingProblem(error, this.runId, "The run goes on; the rest is held in memory.", null);
  }
}

function attempt(action: () => void): NodeJS.ErrnoException | null {
  try {
    action();
    return null;
  } catch (error) {
    return error as NodeJS.ErrnoException;
  }
}

function recordingProblem(
  error: NodeJS.ErrnoException | null,
  runId: string,
  consequence: string,
  earlier: CrusaderError | null,
): CrusaderError {
  const full = error === null ? earlier?.code === "disk_full" : isDiskFull(error);
  const cause = full ? "The disk is full" : "The data folder cannot be written";
  return new CrusaderError(
    full ? "disk_full" : "data_folder",
    `${cause}: run ${runId} is not recorded completely. ${consequence}`,
    full ? FREE_SPACE_HINT : "Check that the data folder exists and may be written.",
    error?.message ?? earlier?.detail ?? "",
  );
}

export const FREE_SPACE_HINT = "Free some space; crusader runs prune shows what old runs take.";

/** ENOSPC, EDQUOT, and SQLite's word for the same (SQLITE_FULL). */
export function isDiskFull(error: unknown): boolean {
  const { code, errcode } = error as { code?: string; errcode?: number };
  return code === "ENOSPC" || code === "EDQUOT" || errcode === 13;
}
