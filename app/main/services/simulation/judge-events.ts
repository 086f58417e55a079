/**
 * What a judge writes: one event a line, numbered from 0, the last one its result. Whatever else comes - nonsense,
 * disorder, lines without end - is an error of ours, and nothing after it counts.
 */
import type { EvaluationResult, Event, Failure, Stage } from "../../../common/events.ts";
import { eventSchema } from "../../../common/events.ts";

/** What a result needs to say where the judge said nothing. */
export type Fallback = Pick<EvaluationResult, "seed" | "numRanks" | "device">;

type Options = {
  fallback: Fallback;
  onEvent: (event: Event) => void;
  /** The judge has nothing left to say. */
  onResult: () => void;
  /** It must be ended. */
  onReject: () => void;
};

/** A failure's traceback may take 120 kB when every character is escaped. */
const MAX_LINE_BYTES = 1024 * 1024;
/** Far above any evaluation's; a judge gone wild must fill neither memory nor disk. */
const MAX_EVENTS = 100_000;

export class JudgeEvents {
  readonly #options: Options;
  #lines: LineReader;
  #eventCount = 0;
  /** Lines that come again. */
  #known = 0;
  #stage: Stage = "scan";
  #result: EvaluationResult | null = null;
  #problem: Failure | null = null;

  constructor(options: Options) {
    this.#options = options;
    this.#lines = this.#reader();
  }

  /** The last one that began. */
  get stage(): Stage {
    return this.#stage;
  }

  push(chunk: Buffer): void {
    this.#lines.push(chunk);
  }

  /** The judge's words come again from the first one on. */
  beginAnew(): void {
    this.#lines = this.#reader();
    this.#known = this.#eventCount;
  }

  /** The verdict; else the first problem, else what `otherwise` makes of the silence. */
  result(otherwise: () => Failure): EvaluationResult {
    if (this.#result !== null) return this.#result;
    return withoutVerdict(this.#problem ?? otherwise(), this.#options.fallback);
  }

  /** Why there will be no verdict; the first one counts. */
  fail(failure: Failure): void {
    this.#problem ??= failure;
  }

  failure(failure: Pick<Failure, "kind" | "fault" | "message" | "hint"> & Partial<Failure>): Failure {
    return { code: null, stage: this.#stage, rank: null, line: null, detail: "", ...failure };
  }

  #reader(): LineReader {
    return new LineReader(
      (line) => this.#take(line),
      () => this.#reject(`a line of more than ${MAX_LINE_BYTES} bytes`, ""),
    );
  }

  #take(line: string): void {
    if (this.#problem !== null) return;
    if (this.#known > 0) {
      this.#known -= 1;
      return;
    }
    const parsed = eventSchema.safeParse(parseJson(line));
    if (!parsed.success) {
      this.#reject("a line that is no event", line);
      return;
    }
    const event = parsed.data;
    if (event.seq !== this.#eventCount || this.#result !== null) {
      this.#reject("an event out of order", line);
      return;
    }
    this.#eventCount += 1;
    if (this.#eventCount > MAX_EVENTS) {
      this.#reject(`more than ${MAX_EVENTS} events`, "");
      return;
    }
    if (event.type === "stage" && event.state === "running") this.#stage = event.stage;
    if (event.type === "result") {
      this.#result = resultOf(event);
      this.#options.onResult();
    }
    this.#options.onEvent(event);
  }

  #reject(what: string, line: string): void {
    this.fail(
      this.failure({
        kind: "internal",
        fault: "workbench",
        message: `The judge wrote ${what}.`,
        hint: "This says nothing about the submission. Run it again; if it stays, please report it.",
        detail: line.slice(0, 2000),
      }),
    );
    this.#result = null;
    this.#options.onReject();
  }
}

export function cancelledFailure(stage: Stage): Failure {
  return {
    kind: "cancelled",
    code: null,
    fault: "user",
    message: "The run was cancelled.",
    hint: "",
    stage,
    rank: null,
    line: null,
    detail: "",
  };
}

/** The result of an evaluation that never got to one. */
export function withoutVerdict(
  failure: Failure,
  fallback: Pick<EvaluationResult, "seed" | "numRanks" | "device">,
): EvaluationResult {
  return {
    outcome: failure.fault === "user" ? "cancelled" : "error",
    failure,
    ...fallback,
    strategy: null,
    mfuPercent: null,
    relativeSpeed: null,
    timedSeconds: null,
    judgeSeconds: null,
    referenceSeconds: null,
    uniqueTokens: null,
    tokensPerSecond: null,
    parameters: null,
    peakMemoryBytesPerRank: null,
    versions: {},
  };
}

function resultOf({ v: _v, seq: _seq, t: _t, type: _type, ...result }: Event & { type: "result" }): EvaluationResult {
  return result;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Cuts bytes into lines; holds no more than one line's limit of them. */
class LineReader {
  readonly #onLine: (line: string) => void;
  readonly #onTooLong: () => void;
  #parts: Buffer[] = [];
  #bytes = 0;

  constructor(onLine: (line: string) => void, onTooLong: () => void) {
    this.#onLine = onLine;
    this.#onTooLong = onTooLong;
  }

  push(chunk: Buffer): void {
    let rest = chunk;
    for (let end = rest.indexOf("\n"); end !== -1; end = rest.indexOf("\n")) {
      this.#keep(rest.subarray(0, end));
      const line = Buffer.concat(this.#parts).toString("utf8");
      this.#parts = [];
      this.#bytes = 0;
      this.#onLine(line);
      rest = rest.subarray(end + 1);
    }
    this.#keep(rest);
  }

  #keep(part: Buffer): void {
    this.#bytes += part.length;
    if (this.#bytes <= MAX_LINE_BYTES) this.#parts.push(part);
    else {
      this.#parts = [];
      this.#onTooLong();
    }
  }
}
