/**
 * One judge (docs/architecture.md, "Judge"): started, listened to, and ended with everything it started. Whatever it
 * does - nothing, nonsense, endless events, dying - there is a result at the end, and no process.
 */
import { type ChildProcess, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import type { EvaluationResult, Event, Failure, Stage } from "../../../common/events.ts";
import { eventSchema } from "../../../common/events.ts";
import type { Ending, Evaluation, Listener } from "./backend.ts";
import { endMarkedProcesses, killIfThere } from "./marked-processes.ts";

export type JudgeCommand = {
  program: string;
  args: readonly string[];
  /** All of its environment; carries the marker. */
  env: Record<string, string>;
  marker: string;
  /** The one line it reads, without line end. */
  order: string;
  /** What a result needs to say where the judge said nothing. */
  fallback: Pick<EvaluationResult, "seed" | "numRanks" | "device">;
};

const EVENTS_DESCRIPTOR = 3;
/** After `cancel` the judge gets this long to end its ranks and to write its result. */
const CANCEL_GRACE_MS = 2000;
/** After its result it has nothing left to do but to exit. */
const EXIT_GRACE_MS = 5000;
/** Pipes that a process out of sight still holds open are not waited for when nothing has come for so long... */
const PIPE_QUIET_MS = 500;
/** ... nor longer than this in all. */
const PIPE_GRACE_MS = 2500;
/** A failure's traceback may take 120 kB when every character is escaped. */
const MAX_LINE_BYTES = 1024 * 1024;
/** Far above any evaluation's; a judge gone wild must fill neither memory nor disk. */
const MAX_EVENTS = 100_000;

export function startJudge(command: JudgeCommand, listener: Listener): Evaluation {
  return new JudgeProcess(command, listener);
}

class JudgeProcess implements Evaluation {
  readonly done: Promise<Ending>;
  readonly #command: JudgeCommand;
  readonly #listener: Listener;
  readonly #child: ChildProcess;
  readonly #timers = new Set<NodeJS.Timeout>();
  #eventCount = 0;
  /** Pieces read from the judge's pipes so far. */
  #chunks = 0;
  #stage: Stage = "scan";
  #result: EvaluationResult | null = null;
  #problem: Failure | null = null;
  #cancelled = false;

  constructor(command: JudgeCommand, listener: Listener) {
    this.#command = command;
    this.#listener = listener;
    this.#child = spawn(command.program, command.args, {
      env: command.env,
      stdio: ["pipe", "pipe", "pipe", "pipe"],
      // A session of its own: Ctrl-C in the terminal reaches this process alone, which then cancels in order.
      detached: process.platform !== "win32",
      windowsHide: true,
    });
    this.done = this.#run();
  }

  cancel(): void {
    if (this.#cancelled) return;
    this.#cancelled = true;
    this.#stdin.write("cancel\n");
    this.#killAfter(CANCEL_GRACE_MS);
  }

  kill(): void {
    this.#cancelled = true;
    this.#kill();
  }

  async #run(): Promise<Ending> {
    const child = this.#child;
    const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
      child.on("error", (error) => {
        this.#problem ??= this.#failure({
          kind: "environment",
          fault: "environment",
          message: `The judge could not be started: ${error.message}.`,
          hint: "`crusader setup` prepares the Python environment.",
        });
        resolve({ code: null, signal: null });
      });
      child.on("exit", (code, signal) => resolve({ code, signal }));
    });
    const closed = new Promise<void>((resolve) => child.on("close", () => resolve()));
    for (const stream of [child.stdout, child.stderr] as Readable[]) {
      stream.on("data", (chunk: Buffer) => {
        this.#chunks += 1;
        this.#listener.output(chunk);
      });
    }
    const events = child.stdio[EVENTS_DESCRIPTOR] as Readable;
    const lines = new LineReader(
      (line) => this.#take(line),
      () => this.#reject(`a line of more than ${MAX_LINE_BYTES} bytes`, ""),
    );
    events.on("data", (chunk: Buffer) => {
      this.#chunks += 1;
      lines.push(chunk);
    });
    // A judge that has died does not read; that it has died is seen elsewhere.
    this.#stdin.on("error", () => {});
    this.#stdin.write(`${this.#command.order}\n`);

    const { code, signal } = await exited;
    const ended = await endMarkedProcesses((marker) => marker === this.#command.marker);
    await Promise.race([closed, this.#quiet()]);
    for (const stream of [this.#stdin, child.stdout, child.stderr, events]) stream?.destroy();
    for (const timer of this.#timers) clearTimeout(timer);
    return { result: this.#resultOf(code, signal), ended };
  }

  /** Resolves when the pipes have been quiet for a while. What has already arrived is read first, on a busy machine too. */
  async #quiet(): Promise<void> {
    const deadline = Date.now() + PIPE_GRACE_MS;
    let seen: number;
    do {
      seen = this.#chunks;
      await sleep(PIPE_QUIET_MS, undefined, { ref: false });
      await setImmediate();
    } while (seen !== this.#chunks && Date.now() < deadline);
  }

  get #stdin(): Writable {
    return this.#child.stdin as Writable;
  }

  #take(line: string): void {
    if (this.#problem !== null) return;
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
      this.#killAfter(EXIT_GRACE_MS);
    }
    this.#listener.event(event);
  }

  #reject(what: string, line: string): void {
    this.#problem ??= this.#failure({
      kind: "internal",
      fault: "workbench",
      message: `The judge wrote ${what}.`,
      hint: "This says nothing about the submission. Run it again; if it stays, please report it.",
      detail: line.slice(0, 2000),
    });
    this.#result = null;
    this.#kill();
  }

  #kill(): void {
    // Not child.kill(): that does nothing once a signal was sent, and what was ended by hand must stay ended.
    if (this.#child.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null) {
      killIfThere(this.#child.pid);
    }
  }

  #killAfter(milliseconds: number): void {
    this.#timers.add(setTimeout(() => this.#kill(), milliseconds));
  }

  #resultOf(code: number | null, signal: NodeJS.Signals | null): EvaluationResult {
    if (this.#result !== null) return this.#result;
    if (this.#problem !== null) return this.#without(this.#problem);
    if (this.#cancelled) return this.#without(cancelledFailure(this.#stage));
    if (signal !== null) {
      return this.#without(
        this.#failure({
          kind: "environment",
          fault: "environment",
          message: `The judge's process was ended by ${signal} before its verdict.`,
          hint: "Somebody killed it, or the system ran out of memory. Run it again, with more memory free.",
        }),
      );
    }
    return this.#without(
      this.#failure({
        kind: "internal",
        fault: "workbench",
        message: `The judge ended with status ${code} before its verdict.`,
        hint: "The end of the run's output says why. `crusader setup --force` repairs a broken environment.",
      }),
    );
  }

  #failure(failure: Pick<Failure, "kind" | "fault" | "message" | "hint"> & Partial<Failure>): Failure {
    return { code: null, stage: this.#stage, rank: null, line: null, detail: "", ...failure };
  }

  #without(failure: Failure): EvaluationResult {
    return withoutVerdict(failure, this.#command.fallback);
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
