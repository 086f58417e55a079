/**
 * One judge (docs/architecture.md, "Judge"): started, listened to, and ended with everything it started. Whatever it
 * does - nothing, nonsense, endless events, dying - there is a result at the end, and no process.
 */
import { type ChildProcess, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import type { Failure } from "../../../common/events.ts";
import type { Ending, Evaluation, Listener } from "./backend.ts";
import { cancelledFailure, type Fallback, JudgeEvents } from "./judge-events.ts";
import { endMarkedProcesses, killIfThere } from "./marked-processes.ts";

export type JudgeCommand = {
  program: string;
  args: readonly string[];
  /** All of its environment; carries the marker. */
  env: Record<string, string>;
  marker: string;
  /** The one line it reads, without line end. */
  order: string;
  fallback: Fallback;
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

export function startJudge(command: JudgeCommand, listener: Listener): Evaluation {
  return new JudgeProcess(command, listener);
}

class JudgeProcess implements Evaluation {
  readonly done: Promise<Ending>;
  readonly #command: JudgeCommand;
  readonly #listener: Listener;
  readonly #child: ChildProcess;
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #events: JudgeEvents;
  /** Pieces read from the judge's pipes so far. */
  #chunks = 0;
  #cancelled = false;

  constructor(command: JudgeCommand, listener: Listener) {
    this.#command = command;
    this.#listener = listener;
    this.#events = new JudgeEvents({
      fallback: command.fallback,
      onEvent: (event) => this.#listener.event(event),
      onResult: () => this.#killAfter(EXIT_GRACE_MS),
      onReject: () => this.#kill(),
    });
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
        this.#events.fail(
          this.#events.failure({
            kind: "environment",
            fault: "environment",
            message: `The judge could not be started: ${error.message}.`,
            hint: "`crusader setup` prepares the Python environment.",
          }),
        );
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
    events.on("data", (chunk: Buffer) => {
      this.#chunks += 1;
      this.#events.push(chunk);
    });
    // A judge that has died does not read; that it has died is seen elsewhere.
    this.#stdin.on("error", () => {});
    this.#stdin.write(`${this.#command.order}\n`);

    const { code, signal } = await exited;
    const ended = await endMarkedProcesses((marker) => marker === this.#command.marker);
    await Promise.race([closed, this.#quiet()]);
    for (const stream of [this.#stdin, child.stdout, child.stderr, events]) stream?.destroy();
    for (const timer of this.#timers) clearTimeout(timer);
    return { result: this.#events.result(() => this.#silence(code, signal)), ended };
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

  #kill(): void {
    // Not child.kill(): that does nothing once a signal was sent, and what was ended by hand must stay ended.
    if (this.#child.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null) {
      killIfThere(this.#child.pid);
    }
  }

  #killAfter(milliseconds: number): void {
    this.#timers.add(setTimeout(() => this.#kill(), milliseconds));
  }

  /** Why there is no verdict. */
  #silence(code: number | null, signal: NodeJS.Signals | null): Failure {
    if (this.#cancelled) return cancelledFailure(this.#events.stage);
    if (signal !== null) {
      return this.#events.failure({
        kind: "environment",
        fault: "environment",
        message: `The judge's process was ended by ${signal} before its verdict.`,
        hint: "Somebody killed it, or the system ran out of memory. Run it again, with more memory free.",
      });
    }
    return this.#events.failure({
      kind: "internal",
      fault: "workbench",
      message: `The judge ended with status ${code} before its verdict.`,
      hint: "The end of the run's output says why. `crusader setup --force` repairs a broken environment.",
    });
  }
}
