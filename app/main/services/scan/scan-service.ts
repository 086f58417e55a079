/**
 * The static scan of production, as a service: the Python scanner (simulator-image/crusades_eval/scan.py) runs in
 * Pyodide 0.25.1, which is Python 3.11 as in production, in a thread of its own.
 */
import { Worker } from "node:worker_threads";
import { CrusaderError } from "../../../common/errors.ts";
import { type Analysis, analysisSchema } from "../../../common/scan.ts";
import { SCAN_TIME_LIMIT_MS, scannerCrash } from "../../../common/scanner.ts";
import type { ScanRequest, WorkerMessage, WorkerSetup } from "./worker.ts";

export interface ScanServiceOptions extends WorkerSetup {
  /** Longest time for one scan, in milliseconds; loading the scanner does not count. */
  readonly timeLimitMs?: number;
}

interface Job {
  readonly request: ScanRequest;
  readonly resolve: (report: Analysis) => void;
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
    if (this.#closed) return Promise.reject(new CrusaderError("internal", "The scanner was closed before this scan."));
    return new Promise((resolve, reject) => {
      this.#waiting.push({
        request: { source, numGpus: numGpus ?? null, policyJson: policyJson ?? this.#options.policyJson },
        resolve,
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
    const limit = this.#options.timeLimitMs ?? SCAN_TIME_LIMIT_MS;
    this.#watchdog = setTimeout(
      () => this.#giveUp(`Scanning takes longer than ${limit / 1000} s, which the validator would not wait for.`),
      limit,
    );
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
      const report = analysisSchema.safeParse(JSON.parse(message.reportJson));
      const job = this.#endCurrent();
      if (report.success) job?.resolve(report.data);
      else job?.reject(new CrusaderError("internal", "The scanner's report is malformed.", "", report.error.message));
    }
    this.#next();
  }

  #fail(error: Error): void {
    if (this.#ready) {
      this.#giveUp("This file brings the scanner down.");
      return;
    }
    this.#forgetWorker();
    const unscanned = new CrusaderError(
      "internal",
      "The scanner could not be loaded.",
      "Its files may be incomplete: run `npm ci` again.",
      error.stack ?? String(error),
    );
    for (const job of this.#waiting.splice(0)) job.reject(unscanned);
  }

  /** The current scan ends without an answer of the scanner: a report says why, and the thread is replaced. */
  #giveUp(why: string): void {
    const worker = this.#worker;
    const job = this.#endCurrent();
    this.#forgetWorker();
    void worker?.terminate();
    job?.resolve(scannerCrash(why));
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
