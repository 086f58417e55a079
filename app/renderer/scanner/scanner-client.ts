/**
 * The window's end of the scanner. One question at a time; what nobody waits for any more is not asked, or its answer is
 * not heard. A worker that is stuck or dead is replaced.
 */
import { createStore, type StoreApi } from "zustand/vanilla";
import { CrusaderError } from "../../common/errors.ts";
import type { Analysis } from "../../common/scan.ts";
import { scannerCrash } from "../../common/scanner.ts";
import type { PlanSizes, TopologyAnswer } from "../../common/topology.ts";
import type { FromScanner, Question, ToScanner } from "./protocol.ts";

/** What of a Worker is used, and of its events. */
export type ScannerWorker = {
  postMessage: (message: ToScanner) => void;
  terminate: () => void;
  onmessage: ((event: { readonly data: FromScanner }) => void) | null;
  onerror: ((event: { readonly message: string }) => void) | null;
};

export type ScannerOptions = {
  /** A worker that has been told where its files are and by which policy it scans; null: the window's own. */
  startWorker: (policyJson: string | null) => ScannerWorker;
  /**
   * Where a text is analysed that this window's scanner failed at: a browser gives a thread less stack than production
   * has, so code that is nested deeply may bring down this scanner and no other.
   */
  analyseElsewhere: (question: { text: string; numGpus: number | null }) => Promise<Analysis>;
  /** For one text. */
  timeLimitMs?: number;
  /** A thread that has nothing else to do takes a question at once; one that does not within this is gone. */
  takesWithinMs?: number;
};

export type ScannerState = {
  status: "off" | "loading" | "ready" | "failed";
  /** Why it could not be loaded. */
  reason: string;
};

type Job = {
  id: number;
  question: Question;
  resolve: (json: string) => void;
  reject: (reason: unknown) => void;
  /** Nobody waits for it any more. */
  dropped: boolean;
};

const TAKES_WITHIN_MS = 3000;
/** Shorter than that of the services, who are asked afterwards. */
const TIME_LIMIT_MS = 8000;

export class ScannerClient {
  readonly state: StoreApi<ScannerState> = createStore<ScannerState>(() => ({ status: "off", reason: "" }));
  readonly #options: Required<ScannerOptions>;
  #worker: ScannerWorker | null = null;
  #policyJson: string | null = null;
  #waiting: Job[] = [];
  #current: Job | null = null;
  #watchdog: ReturnType<typeof setTimeout> | undefined;
  #lastId = 0;

  constructor(options: ScannerOptions) {
    this.#options = { timeLimitMs: TIME_LIMIT_MS, takesWithinMs: TAKES_WITHIN_MS, ...options };
  }

  /** Loads it before it is first asked. */
  load(): void {
    if (this.#worker === null) this.#start();
  }

  /**
   * What the scanner says about a text, as it would about the saved file. `numGpus` (null: 1) sizes a strategy declared
   * as a string. A text that brings the scanner down, or takes it longer than the limit, is analysed elsewhere; where that
   * fails, too, its report says so. Rejects with the signal's reason when it aborts; CrusaderError where the scanner cannot be loaded.
   */
  async analyse(text: string, numGpus: number | null, signal?: AbortSignal): Promise<Analysis> {
    return JSON.parse(await this.#ask({ kind: "analyse", text, numGpus }, signal)) as Analysis;
  }

  /**
   * Which samples each of `numGpus` ranks would read if this text were evaluated. A text that brings the scanner down gets a
   * verdict that says so, and no plan. Rejects as `analyse` does.
   */
  async plan(text: string, numGpus: number, sizes: PlanSizes, signal?: AbortSignal): Promise<TopologyAnswer> {
    return JSON.parse(await this.#ask({ kind: "plan", text, numGpus, sizes }, signal)) as TopologyAnswer;
  }

  /**
   * From now on scans by these rules (content of a scan-policy.json); null: those of the window. False where they are in
   * force already.
   */
  setPolicy(policyJson: string | null): boolean {
    if (policyJson === this.#policyJson) return false;
    this.#policyJson = policyJson;
    if (this.#worker !== null) this.#askAgain();
    return true;
  }

  close(): void {
    const job = this.#endCurrent();
    if (job !== null) this.#waiting.push(job);
    this.#forgetWorker();
    this.state.setState({ status: "off", reason: "" });
    this.#rejectAll(new CrusaderError("internal", "The scanner was closed."));
  }

  #ask(question: Question, signal?: AbortSignal): Promise<string> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason);
        return;
      }
      this.#lastId += 1;
      const job: Job = { id: this.#lastId, question, resolve, reject, dropped: false };
      signal?.addEventListener("abort", () => {
        job.dropped = true;
        this.#waiting = this.#waiting.filter((one) => one !== job);
        reject(signal.reason);
      });
      this.#waiting.push(job);
      this.load();
      this.#next();
    });
  }

  #start(): void {
    this.state.setState({ status: "loading", reason: "" });
    const worker = this.#options.startWorker(this.#policyJson);
    this.#worker = worker;
    worker.onmessage = ({ data }) => {
      if (worker === this.#worker) this.#receive(data);
    };
    worker.onerror = (event) => {
      if (worker === this.#worker) this.#died(event.message);
    };
  }

  #receive(message: FromScanner): void {
    if (message.kind === "ready") this.state.setState({ status: "ready", reason: "" });
    else if (message.kind === "failed") this.#fail(message.reason);
    else if (message.id === this.#current?.id) this.#advance(message);
    this.#next();
  }

  #advance(message: FromScanner & { id: number }): void {
    if (message.kind === "begun") {
      const { timeLimitMs } = this.#options;
      const why = `Scanning takes longer than ${timeLimitMs / 1000} s, which the validator would not wait for.`;
      this.#watch(timeLimitMs, () => this.#giveUp(why));
    } else if (message.kind === "answer") {
      this.#endCurrent()?.resolve(message.json);
    } else {
      this.#giveUp("This file brings the scanner down.");
    }
  }

  #next(): void {
    if (this.#current !== null || this.#worker === null || this.state.getState().status !== "ready") return;
    const job = this.#waiting.shift();
    if (job === undefined) return;
    this.#current = job;
    this.#watch(this.#options.takesWithinMs, () => this.#askAgain());
    this.#worker.postMessage({ kind: "ask", id: job.id, question: job.question });
  }

  #watch(limitMs: number, then: () => void): void {
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(then, limitMs);
  }

  #died(reason: string): void {
    if (this.state.getState().status !== "ready") this.#fail(reason);
    else if (this.#current === null) this.#replace();
    else this.#giveUp("This file brings the scanner down.");
  }

  /** The worker was gone before it saw the question, or goes by other rules. */
  #askAgain(): void {
    const job = this.#endCurrent();
    if (job !== null && !job.dropped) this.#waiting.unshift(job);
    this.#replace();
  }

  /** The text is answered for the scanner, which is replaced. */
  #giveUp(why: string): void {
    const job = this.#endCurrent();
    this.#replace();
    if (job === null || job.dropped) return;
    const crash = crashAnswer(job.question, why);
    const { question } = job;
    const answer = question.kind === "analyse" ? this.#options.analyseElsewhere(question) : Promise.resolve(crash);
    answer.catch(() => crash).then((known) => job.resolve(JSON.stringify(known)), job.reject);
  }

  #replace(): void {
    this.#forgetWorker();
    this.#start();
  }

  #fail(reason: string): void {
    this.#forgetWorker();
    this.state.setState({ status: "failed", reason });
    this.#rejectAll(
      new CrusaderError(
        "internal",
        "The scanner could not be loaded.",
        "Reload the window, or build it again.",
        reason,
      ),
    );
  }

  #rejectAll(reason: CrusaderError): void {
    for (const job of this.#waiting.splice(0)) job.reject(reason);
  }

  #forgetWorker(): void {
    this.#endCurrent();
    this.#worker?.terminate();
    this.#worker = null;
  }

  #endCurrent(): Job | null {
    const job = this.#current;
    this.#current = null;
    clearTimeout(this.#watchdog);
    return job;
  }
}

function crashAnswer({ kind }: Question, why: string): Analysis | TopologyAnswer {
  const analysis = scannerCrash(why);
  if (kind === "plan") return { verdict: analysis.verdict, declared: null, problem: why, plan: null };
  return analysis;
}
