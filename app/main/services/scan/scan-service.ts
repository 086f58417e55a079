/**
 * The static scan of production, and the review beyond it, as a service: the Python scanner and reviewer
 * (simulator-image/crusades_eval/scan.py, review.py) run in Pyodide 0.25.1, which is Python 3.11 as in production, in a
 * thread of its own.
 */
import { Worker } from "node:worker_threads";
import type { ZodType } from "zod";
import { CrusaderError } from "../../../common/errors.ts";
import { type Review, reviewSchema } from "../../../common/review.ts";
import { type Analysis, analysisSchema } from "../../../common/scan.ts";
import { REVIEW_TIME_LIMIT_MS, reviewFailure, SCAN_TIME_LIMIT_MS, scannerCrash } from "../../../common/scanner.ts";
import type { ReviewRequest, ScanRequest, WorkerMessage, WorkerSetup } from "./worker.ts";

export interface ScanServiceOptions extends WorkerSetup {
  /** Longest time for one scan or review, in milliseconds; loading the scanner does not count. */
  readonly timeLimitMs?: number;
}

interface Job {
  readonly request: ScanRequest | ReviewRequest;
  readonly timeLimitMs: number;
  /** Takes the thread's answer. */
  readonly receive: (report: unknown) => void;
  /** The thread gave none: it took too long, or ended. */
  readonly giveUp: (reason: "time" | "crash") => void;
  readonly reject: (error: unknown) => void;
}

/** Starts its thread with the first scan; `close()` ends it. Scans are done one after the other, in the order asked. */
export class ScanService {
  readonly #options: ScanServiceOptions;
  readonly #waiting: Job[] = [];
  #worker: Worker | null = null;
  #ready = false;
  #current: Job | null = null;
  #watchdog: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(options: ScanServiceOptions) {
    this.#options = options;
  }

  /**
   * What production's scan would say about this file, with advice and repairs. `numGpus` (default 1) sizes a strategy
   * declared as a string; `policyJson` (default: the service's own) must be complete.
   * A source that brings the scanner down or takes it longer than the limit gets a report that says so; the next scan
   * gets a fresh scanner. CrusaderError where the scanner cannot be loaded.
   */
  scan(source: Uint8Array, numGpus?: number, policyJson?: string): Promise<Analysis> {
    const timeLimitMs = this.#options.timeLimitMs ?? SCAN_TIME_LIMIT_MS;
    return this.#ask(
      { kind: "scan", source, numGpus: numGpus ?? null, policyJson: policyJson ?? this.#options.policyJson },
      timeLimitMs,
      analysisSchema,
      (reason) =>
        scannerCrash(
          reason === "time"
            ? `Scanning takes longer than ${timeLimitMs / 1000} s, which the validator would not wait for.`
            : "This file brings the scanner down.",
        ),
    );
  }

  /**
   * What a reviewer should look at in this file, and which known techniques it uses. By no rules that are in force: the
   * scan has those. A source that brings the reviewer down or takes it longer than the limit gets a report that says so.
   * CrusaderError where the reviewer cannot be loaded.
   */
  review(source: Uint8Array): Promise<Review> {
    const timeLimitMs = this.#options.timeLimitMs ?? REVIEW_TIME_LIMIT_MS;
    return this.#ask({ kind: "review", source }, timeLimitMs, reviewSchema, (reason) =>
      reviewFailure(
        reason,
        reason === "time"
          ? `Reviewing this file takes longer than ${timeLimitMs / 1000} s.`
          : "This file brings the reviewer down.",
      ),
    );
  }

  #ask<Report>(
    request: ScanRequest | ReviewRequest,
    timeLimitMs: number,
    schema: ZodType<Report>,
    withoutAnswer: (reason: "time" | "crash") => Report,
  ): Promise<Report> {
    if (this.#closed) return Promise.reject(new CrusaderError("internal", "The scanner was closed before this scan."));
    return new Promise((resolve, reject) => {
      this.#waiting.push({
        request,
        timeLimitMs,
        receive: (answer) => {
          const report = schema.safeParse(answer);
          if (report.success) resolve(report.data);
          else reject(new CrusaderError("internal", "The scanner's report is malformed.", "", report.error.message));
        },
        giveUp: (reason) => resolve(withoutAnswer(reason)),
        reject,
      });
      this.#next();
    });
  }

  /** Ends the thread. Scans that are not finished fail. */
  async close(): Promise<void> {
    this.#closed = true;
    const worker = this.#worker;
    const unfinished = [...(this.#current === null ? [] : [this.#current]), ...this.#waiting.splice(0)];
    this.#forgetWorker();
    for (const job of unfinished) job.reject(new CrusaderError("internal", "The scanner was closed during this scan."));
    await worker?.terminate();
  }

  #next(): void {
    if (this.#closed || this.#current !== null) return;
    if (this.#worker === null && this.#waiting.length > 0) this.#start();
    if (!this.#ready) return;
    const job = this.#waiting.shift();
    if (job === undefined) {
      // An idle scanner keeps no command line alive.
      this.#worker?.unref();
      return;
    }
    this.#current = job;
    this.#worker?.ref();
    this.#watchdog = setTimeout(() => this.#giveUp("time"), job.timeLimitMs);
    this.#worker?.postMessage(job.request);
  }

  #start(): void {
    const { packageFolder, policyJson } = this.#options;
    const worker = new Worker(new URL("./worker.ts", import.meta.url), {
      workerData: { packageFolder, policyJson } satisfies WorkerSetup,
      // Flags of the process that are meant for its own input (--input-type) would fail the thread.
      execArgv: [],
    });
    this.#worker = worker;
    worker.on("message", (message: WorkerMessage) => {
      if (worker === this.#worker) this.#receive(message);
    });
    worker.on("error", (error) => {
      if (worker === this.#worker) this.#fail(error);
    });
  }

  #receive(message: WorkerMessage): void {
    if (message.kind === "ready") {
      this.#ready = true;
    } else {
      const job = this.#endCurrent();
      if (message.kind === "report") job?.receive(JSON.parse(message.reportJson));
      else job?.reject(unloadable("reviewer", message.why));
    }
    this.#next();
  }

  #fail(error: Error): void {
    if (this.#ready) {
      this.#giveUp("crash");
      return;
    }
    this.#forgetWorker();
    const unscanned = unloadable("scanner", error.stack ?? String(error));
    for (const job of this.#waiting.splice(0)) job.reject(unscanned);
  }

  /** The current job ends without an answer of the scanner: a report says why, and the thread is replaced. */
  #giveUp(reason: "time" | "crash"): void {
    const worker = this.#worker;
    const job = this.#endCurrent();
    this.#forgetWorker();
    void worker?.terminate();
    job?.giveUp(reason);
    this.#next();
  }

  #endCurrent(): Job | null {
    const job = this.#current;
    this.#current = null;
    if (this.#watchdog !== null) clearTimeout(this.#watchdog);
    this.#watchdog = null;
    return job;
  }

  #forgetWorker(): void {
    this.#endCurrent();
    this.#worker = null;
    this.#ready = false;
  }
}

function unloadable(what: "scanner" | "reviewer", detail: string): CrusaderError {
  return new CrusaderError(
    "internal",
    `The ${what} could not be loaded.`,
    "Its files may be incomplete: run `npm ci` again.",
    detail,
  );
}
