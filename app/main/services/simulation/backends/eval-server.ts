/**
 * Evaluations on a box that runs the production image's HTTP server (spec/evaluation.md section 6): scanned here, sent as
 * a job, and waited for. The server forgets a finished job once its state was read, so its answer is written down as it
 * comes, before anything is made of it, and nobody asks again.
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { CrusaderError } from "../../../../common/errors.ts";
import type { EvaluationResult, Event, Failure, Note, Stage } from "../../../../common/events.ts";
import type { Analysis, Strategy } from "../../../../common/scan.ts";
import { isPlain } from "../../../../common/servers.ts";
import {
  type Access,
  type Answer,
  ask,
  checkHealth,
  RequestProblem,
  type ServerList,
  statusProblem,
  unreachable,
  withoutToken,
} from "../../servers/index.ts";
import type { Backend, Ending, Evaluation, Listener, Needs, Order, Recorded } from "../backend.ts";
import { EventLog } from "../event-log.ts";
import { cancelledFailure, withoutVerdict } from "../judge-events.ts";
import { diagnosticsText, type JobAnswer, jobAnswerOf, profileFieldsSchema, readAnswer } from "./eval-server-answer.ts";
import { JobJournal, type JournalLine } from "./eval-server-journal.ts";

/** Time that passes, so that tests need not wait for it. */
export type Clock = {
  /** Milliseconds that nobody sets: they do not jump, and stand still while the machine sleeps. */
  now: () => number;
  /** Milliseconds since 1970. */
  wall: () => number;
  /** Rejects with the signal's reason. */
  sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  /** 0 to 1. */
  random: () => number;
};

export const SYSTEM_CLOCK: Clock = {
  now: () => performance.now(),
  wall: Date.now,
  sleep: (milliseconds, signal) => sleep(milliseconds, undefined, { signal }),
  random: Math.random,
};

export type EvalServerBackendOptions = {
  servers: Pick<ServerList, "access">;
  /** `ScanService.scan`. */
  scan: (source: Uint8Array, numGpus: number, policyJson: string) => Promise<Analysis>;
  clock?: Clock;
};

const FIRST_POLL_MS = 2_000;
const LAST_POLL_MS = 30_000;
const POLL_GROWTH = 1.5;
/** Polls of several apps must not stay in step. */
const JITTER = 0.2;
const MAX_RETRY_AFTER_MS = 5 * 60_000;
/** A box that is busy or starting is asked again for so long to take a job. */
const SUBMIT_FOR_MS = 15 * 60_000;
/** An overnight gap in the network loses nothing. */
const UNREACHABLE_FOR_MS = 12 * 60 * 60_000;
/** Beyond the profile's `eval_timeout`, as the validator waits (section 5). */
const BEYOND_TIMEOUT_MS = 3_000_000;
/** A proxy's page may come instead of an answer; more than this is no accident. */
const MAX_UNREADABLE = 3;

const acceptedSchema = z.object({
  job_id: z.union([z.string().regex(/^(?=.*[^.])[A-Za-z0-9._~:-]{1,200}$/), z.number().int().transform(String)]),
});

export class EvalServerBackend implements Backend {
  readonly name = "evalServer";
  /** The image's own; what the box does beside is not known. */
  readonly confinement = "container";
  readonly survives = true;
  readonly #options: EvalServerBackendOptions;

  constructor(options: EvalServerBackendOptions) {
    this.#options = options;
  }

  queueName({ server = "" }: Needs): string {
    return `${this.name}-${server}`;
  }

  async check({ profile, server }: Needs): Promise<CrusaderError[]> {
    if (server === undefined) return [NO_SERVER];
    const unfit = unfitProfile(profile);
    if (unfit !== null) return [unfit];
    try {
      const problem = await checkHealth(this.#options.servers.access(server));
      return problem === null ? [] : [problem];
    } catch (error) {
      if (error instanceof CrusaderError) return [error];
      throw error;
    }
  }

  /** Of the box nothing is known. */
  async environment(): Promise<Record<string, string>> {
    return {};
  }

  async launch(order: Order, listener: Listener): Promise<Evaluation> {
    return this.#job(order, { earlier: [], recorded: [] }, listener);
  }

  async reattach(order: Order, recorded: Recorded, listener: Listener): Promise<Evaluation | null> {
    const earlier = journalOf(order).read();
    if (earlier.length === 0) return null;
    const told = recorded.events.at(-1);
    if (told?.type === "result") return ended(resultOf(told));
    // What ended before it was fit to be sent begins anew, and says the same again.
    const isCleared = earlier.some(({ kind }) => kind === "cleared");
    return this.#job(
      order,
      isCleared ? { earlier, recorded: recorded.events } : { earlier: [], recorded: [] },
      listener,
    );
  }

  #job(order: Order, known: Known, listener: Listener): Evaluation {
    if (order.server === undefined) throw NO_SERVER;
    const unfit = unfitProfile(order.profile);
    if (unfit !== null) throw unfit;
    return new ServerJob(order, order.server, journalOf(order), known, listener, this.#options);
  }
}

/** What an earlier process left of an evaluation; nothing for a new one. */
type Known = { earlier: readonly JournalLine[]; recorded: readonly Event[] };

function journalOf({ sourcePath, repeat }: Order): JobJournal {
  return new JobJournal(dirname(sourcePath), repeat);
}

function ended(result: EvaluationResult): Evaluation {
  return { done: Promise.resolve({ result, ended: [] }), cancel: () => {}, kill: () => {}, detach: () => {} };
}

function resultOf({ v: _v, seq: _seq, t: _t, type: _type, ...result }: Event & { type: "result" }): EvaluationResult {
  return result;
}

/** Ends the evaluation with that failure. */
class Stopped extends Error {
  readonly failure: Omit<Failure, "stage">;

  constructor(failure: Omit<Failure, "stage">) {
    super(failure.message);
    this.failure = failure;
  }
}

type EndedAnswer = Exclude<JobAnswer, { status: "pending" }>;
type Poll =
  | { kind: "ended"; answer: EndedAnswer }
  | { kind: "pending" }
  /** Nothing is lost by asking again. */
  | { kind: "trouble"; message: string; retryAfterMs: number };

class ServerJob implements Evaluation {
  readonly done: Promise<Ending>;
  readonly #order: Order;
  readonly #options: EvalServerBackendOptions;
  readonly #clock: Clock;
  readonly #listener: Listener;
  readonly #journal: JobJournal;
  readonly #server: string;
  /** Where the job is sent; the list may come to name another box. Null before it was looked up. */
  #address: string | null;
  /** Milliseconds since 1970. */
  readonly #startedAt: number;
  /** What an earlier process knew of the job. */
  readonly #earlier: readonly JournalLine[];
  readonly #log: EventLog;
  readonly #cancelled = new AbortController();
  readonly #detached = new AbortController();
  /** Either of them: nothing new is begun. */
  readonly #over = AbortSignal.any([this.#cancelled.signal, this.#detached.signal]);
  #stage: Stage = "scan";
  #stageSince: number;
  #jobId: string | null = null;
  /** A request to take the job is on its way. */
  #isSending = false;
  /** Bytes of the answer during which the connection broke; null where it never did. */
  #brokenBytes: number | null = null;
  readonly #keptFiles = new Set<string>();
  #unreadable = 0;
  #journalProblem: CrusaderError | null = null;

  constructor(
    order: Order,
    server: string,
    journal: JobJournal,
    { earlier, recorded }: Known,
    listener: Listener,
    options: EvalServerBackendOptions,
  ) {
    this.#order = order;
    this.#options = options;
    this.#clock = options.clock ?? SYSTEM_CLOCK;
    this.#listener = listener;
    this.#server = server;
    this.#journal = journal;
    this.#earlier = earlier;
    const begun = this.#find("begun");
    this.#address = begun?.address ?? null;
    this.#startedAt = begun?.startedAt ?? this.#clock.wall();
    const stage = recorded.findLast((event) => event.type === "stage" && event.state === "running");
    const stageBegan = this.#startedAt + (stage?.t ?? 0) * 1000;
    this.#stageSince = this.#clock.now() - Math.max(0, this.#clock.wall() - stageBegan);
    this.#stage = recorded.findLast((event) => event.type === "stage")?.stage ?? "scan";
    this.#brokenBytes = this.#find("broken")?.receivedBytes ?? null;
    // What an answer says is the same each time it is told: told again from the beginning, it is known by its numbers.
    const toldBefore = recorded.slice(0, this.#find("answered")?.firstEvent);
    this.#log = new EventLog(toldBefore, this.#startedAt, this.#clock.wall, (event) => {
      if (!this.#detached.signal.aborted) listener.event(event);
    });
    this.done = this.#untilDetached();
  }

  /** The server takes no cancel: the job goes on there, and nobody waits for it any more. */
  cancel(): void {
    this.#cancelled.abort();
  }

  kill(): void {
    this.#cancelled.abort();
  }

  /** A request that is on its way is not cut off: its answer may be the one that the server gives only once. */
  detach(): void {
    this.#detached.abort();
  }

  async #untilDetached(): Promise<Ending> {
    const ending = await this.#run();
    this.#journal.close();
    return this.#detached.signal.aborted ? new Promise<Ending>(() => {}) : ending;
  }

  async #run(): Promise<Ending> {
    try {
      return { result: await this.#evaluate(), ended: [] };
    } catch (error) {
      const failure: Failure = { ...this.#failureOf(error), stage: this.#stage };
      const { seed, numRanks } = this.#order;
      if (failure.fault !== "user") this.#endStage("failed");
      const outcome = failure.fault === "submission" ? { outcome: "failed" as const } : {};
      const result = { ...withoutVerdict(failure, { seed, numRanks, device: "cuda" }), ...outcome };
      this.#log.add({ type: "result", ...result });
      return { result, ended: [] };
    }
  }

  async #evaluate(): Promise<EvaluationResult> {
    const strategy = this.#find("cleared")?.strategy ?? (await this.#clear());
    this.#jobId = this.#find("accepted")?.jobId ?? null;
    if (this.#jobId === null) await this.#send();
    const answer = await this.#wait();
    this.#try(() => this.#journal.add({ kind: "answered", firstEvent: this.#log.count }));
    if (this.#journalProblem !== null) {
      const { message } = this.#journalProblem;
      this.#note("warning", "answer_not_kept", `What the server answered could not all be kept: ${message}`);
    }
    const text = diagnosticsText(answer.result);
    if (text !== "" && !this.#over.aborted) this.#listener.output(Buffer.from(text));
    const { events, result } = readAnswer(answer, {
      server: this.#server,
      taskId: taskIdOf(this.#order.marker),
      seed: this.#order.seed,
      numRanks: this.#order.numRanks,
      profile: this.#order.profile,
      strategy,
      waitedSeconds: (this.#clock.now() - this.#stageSince) / 1000,
    });
    for (const event of events) this.#log.add(event);
    this.#log.add({ type: "result", ...result });
    return result;
  }

  #find<K extends JournalLine["kind"]>(kind: K): (JournalLine & { kind: K }) | undefined {
    return this.#earlier.findLast((line): line is JournalLine & { kind: K } => line.kind === kind);
  }

  // before it is sent

  /** The scan and the topology, judged here: what the server would reject is not sent. */
  async #clear(): Promise<Strategy> {
    const { policy, numRanks, sourcePath } = this.#order;
    const { address } = this.#options.servers.access(this.#server);
    this.#address = address;
    this.#journal.begin({ kind: "begun", server: this.#server, address, startedAt: this.#startedAt });
    this.#beginStage("scan");
    const source = await readFile(sourcePath);
    const analysis = await this.#options.scan(source, numRanks, JSON.stringify(policy));
    for (const { rule, message, line } of analysis.findings) this.#note("finding", rule, message, line);
    if (!analysis.verdict.ok) throw new Stopped(scanFailure(analysis));
    if (!isUtf8(source)) throw new Stopped(rejected("scan", "The file is no UTF-8 text, so it cannot be sent."));
    this.#endStage("passed");
    this.#beginStage("topology");
    const problem = topologyProblem(analysis.strategy, numRanks);
    if (problem !== null) throw new Stopped(rejected("topology", problem));
    this.#endStage("passed");
    if (isPlain(address)) {
      const message = `The server ${this.#server} is asked over plain http: code, token and result can be read and changed on the way.`;
      this.#note("warning", "plain_http", message);
    }
    const strategy = analysis.strategy ?? { dp_size: 1, tp_size: 1 };
    this.#beginStage("prepare");
    this.#over.throwIfAborted();
    this.#journal.add({ kind: "cleared", strategy });
    return strategy;
  }

  // sending

  async #send(): Promise<void> {
    const last = this.#earlier.findLast(({ kind }) => kind === "sending" || kind === "refused");
    if (last?.kind === "sending") {
      throw new Stopped(inDoubt(this.#server, "Crusader was ended while the job was being sent"));
    }
    const body = await this.#body();
    const pause = new Backoff(this.#clock);
    const until = this.#clock.now() + SUBMIT_FOR_MS;
    let noted = false;
    for (;;) {
      const { problem, retryAfterMs } = await this.#trySending(body);
      this.#listener.contact?.(problem?.message ?? null);
      if (problem === null) return;
      if (this.#clock.now() > until) throw problem;
      if (!noted) this.#note("info", "server_busy", `${problem.message} It is asked again for 15 minutes.`);
      noted = true;
      await pause.wait(retryAfterMs, this.#over);
    }
  }

  /** A problem is one that time may mend, with nothing sent. Throws what time does not mend. */
  async #trySending(body: string): Promise<{ problem: CrusaderError | null; retryAfterMs: number }> {
    const access = this.#access();
    if (access instanceof CrusaderError) throw access;
    this.#over.throwIfAborted();
    this.#journal.add({ kind: "sending" });
    let answer: Answer;
    this.#isSending = true;
    try {
      answer = await ask(access, { method: "POST", path: "/evaluate", body, signal: this.#cancelled.signal });
    } catch (error) {
      if (!(error instanceof RequestProblem)) throw error;
      if (error.kind === "aborted") throw error;
      if (error.kind !== "unreachable") throw new Stopped(inDoubt(this.#server, error.message));
      this.#isSending = false;
      this.#journal.add({ kind: "refused" });
      return { problem: unreachable(access, error), retryAfterMs: 0 };
    }
    const { status } = answer;
    if (status === 202 || status === 200) {
      this.#accept(answer, access.token);
      return { problem: null, retryAfterMs: 0 };
    }
    const problem = statusProblem(access, answer, "to evaluate");
    // Of a server that failed nobody knows what it had begun.
    if (status >= 500 && status !== 503) {
      throw new Stopped({ ...inDoubt(this.#server, problem.message), detail: problem.detail });
    }
    this.#isSending = false;
    this.#journal.add({ kind: "refused" });
    if (status !== 429 && status !== 503) throw problem;
    return { problem, retryAfterMs: (answer.retryAfterSeconds ?? 0) * 1000 };
  }

  #accept({ body }: Answer, token: string | null): void {
    const accepted = acceptedSchema.safeParse(parseJson(body.toString("utf8")));
    if (!accepted.success) {
      throw new Stopped({
        ...environmentFailure(
          `The server ${this.#server} took the job, but names it in a way that is not understood: it evaluates it, and its result cannot be asked for.`,
          "Check that the box runs the production image, and look at its log.",
        ),
        detail: withoutToken(body.toString("utf8"), token).slice(0, MAX_DETAIL_CHARACTERS),
      });
    }
    const { job_id: jobId } = accepted.data;
    this.#jobId = jobId;
    this.#isSending = false;
    // Before anything else: without this line a crash loses the job.
    this.#try(() => this.#journal.add({ kind: "accepted", jobId }));
    const message =
      this.#journalProblem === null
        ? `The server ${this.#server} took it as job ${jobId}. It tells no stages while it evaluates.`
        : `The server ${this.#server} took it as job ${jobId}, which could not be written down: it is lost if Crusader ends now.`;
    this.#note(this.#journalProblem === null ? "info" : "warning", "job_accepted", message);
  }

  /** Exactly the fields of section 6. */
  async #body(): Promise<string> {
    const { marker, seed, numRanks, profile, sourcePath } = this.#order;
    const fields = profileFieldsSchema.parse(profile);
    return JSON.stringify({
      task_id: taskIdOf(marker),
      seed,
      model_url: fields.benchmark_model_name,
      data_url: fields.benchmark_dataset_name,
      steps: fields.eval_steps,
      batch_size: fields.benchmark_batch_size,
      // The server's is a whole number of seconds.
      timeout: Math.ceil(fields.eval_timeout),
      sequence_length: fields.benchmark_sequence_length,
      data_samples: fields.benchmark_data_samples,
      code: await readFile(sourcePath, "utf8"),
      ...fields.verification,
      ...fields.mfu,
      num_gpus: numRanks,
    });
  }

  // waiting

  async #wait(): Promise<EndedAnswer> {
    const kept = this.#journal.answer();
    const answered = kept === null ? null : jobAnswerOf(kept);
    if (kept !== null && answered !== null && answered.status !== "pending") {
      this.#try(() => this.#journal.keepAnswer(kept));
      return answered;
    }
    const pause = new Backoff(this.#clock);
    const limitMs = profileFieldsSchema.parse(this.#order.profile).eval_timeout * 1000 + BEYOND_TIMEOUT_MS;
    const waitingSince = this.#clock.now();
    let troubleSince: number | null = null;
    let noted = "";
    for (let retryAfterMs = 0; ; ) {
      await pause.wait(retryAfterMs, this.#over);
      retryAfterMs = 0;
      const poll = await this.#poll();
      if (poll.kind === "ended") return poll.answer;
      const now = this.#clock.now();
      this.#listener.contact?.(poll.kind === "trouble" ? poll.message : null);
      if (poll.kind === "pending") {
        troubleSince = null;
        if (now - waitingSince > limitMs) throw new Stopped(this.#tooLong(now - waitingSince));
        continue;
      }
      retryAfterMs = poll.retryAfterMs;
      troubleSince ??= now;
      if (poll.message !== noted) {
        this.#note("info", "server_trouble", `${poll.message} Job ${this.#jobId} is asked for again until it answers.`);
      }
      noted = poll.message;
      if (now - troubleSince > UNREACHABLE_FOR_MS) throw new Stopped(this.#unreachable(poll.message));
    }
  }

  async #poll(): Promise<Poll> {
    const access = this.#access();
    if (access instanceof CrusaderError) return trouble(`${access.message} ${access.hint}`);
    let answer: Answer;
    try {
      answer = await ask(access, {
        method: "GET",
        path: `/eval-status/${encodeURIComponent(this.#jobId ?? "")}`,
        signal: this.#cancelled.signal,
        onPiece: (piece) => this.#try(() => this.#journal.takePiece(piece)),
      });
    } catch (error) {
      if (!(error instanceof RequestProblem) || error.kind === "aborted") throw error;
      if (error.kind === "unreachable") return trouble(unreachable(access, error).message);
      if (error.kind === "too_large") return this.#unreadableAnswer(error.message, access.token);
      const { receivedBytes } = error;
      this.#brokenBytes = receivedBytes;
      this.#keepUnreadable(access.token);
      this.#try(() => this.#journal.add({ kind: "broken", receivedBytes }));
      return trouble(`The server ${this.#server} was asked for the job, and ${error.message}.`);
    }
    const { status, retryAfterSeconds } = answer;
    if (status === 200) return this.#read(withoutToken(answer.body.toString("utf8"), access.token), access.token);
    if (status === 404) throw new Stopped(this.#forgotten());
    const problem = statusProblem(access, answer, `for job ${this.#jobId}`);
    if (REFUSED_FOR_GOOD.includes(status)) throw problem;
    return trouble(`${problem.message} ${problem.hint}`, (retryAfterSeconds ?? 0) * 1000);
  }

  #read(body: string, token: string | null): Poll {
    const answer = jobAnswerOf(body);
    if (answer === null) return this.#unreadableAnswer("it is no state of a job", token);
    if (answer.status === "pending") {
      this.#try(() => this.#journal.dropPieces());
      return { kind: "pending" };
    }
    this.#try(() => this.#journal.keepAnswer(body));
    return { kind: "ended", answer };
  }

  #unreadableAnswer(why: string, token: string | null): Poll {
    this.#unreadable += 1;
    this.#keepUnreadable(token);
    const message = `What the server ${this.#server} answered about job ${this.#jobId} cannot be read: ${why}.`;
    if (this.#unreadable < MAX_UNREADABLE) return trouble(message);
    throw new Stopped({
      ...environmentFailure(
        `${message} If that was its result, it is lost on the server.`,
        "Look at the box's log, and at a proxy before it. This says nothing about the submission.",
      ),
      detail: this.#keptText(),
    });
  }

  #keepUnreadable(token: string | null): void {
    const file = this.#journal.keepUnreadable((text) => withoutToken(text, token));
    if (file !== null) this.#keptFiles.add(basename(file));
  }

  #keptText(): string {
    return this.#keptFiles.size === 0
      ? ""
      : `What came is kept in the run's folder: ${[...this.#keptFiles].join(", ")}`;
  }

  // words

  #forgotten(): Omit<Failure, "stage"> {
    const reasons = [
      ...(this.#brokenBytes === null
        ? []
        : [
            `The connection broke while its state was read (${this.#brokenBytes} bytes had come): its result was probably on the way then`,
          ]),
      ...(this.#unreadable === 0 ? [] : ["An answer before this one could not be read: that was probably its result"]),
      ...(this.#earlier.length === 0
        ? []
        : ["Crusader was ended while it waited: its result may have been on the way then"]),
    ];
    const why = reasons.length === 0 ? ["The server was restarted, or somebody else read the result"] : reasons;
    return {
      ...environmentFailure(
        `The server ${this.#server} no longer knows job ${this.#jobId}, and forgets a job once its result was read: the result is lost. ${why.join(". ")}.`,
        "This says nothing about the submission. Run it again.",
      ),
      detail: this.#keptText(),
    };
  }

  #tooLong(waitedMs: number): Omit<Failure, "stage"> {
    const minutes = Math.round(waitedMs / 60_000);
    return {
      ...environmentFailure(
        `Job ${this.#jobId} is not done after ${minutes} minutes, longer than a validator waits; it was given up here, and may go on on the server.`,
        "Look at the box's log: other jobs may be in front of it.",
      ),
      kind: "timeout",
    };
  }

  #unreachable(last: string): Omit<Failure, "stage"> {
    return environmentFailure(
      `Job ${this.#jobId} of the server ${this.#server} could not be asked for over 12 hours, and was given up. ${last}`,
      "Its result waits on the server until somebody reads it, unless the server was restarted.",
    );
  }

  #failureOf(error: unknown): Omit<Failure, "stage"> {
    if (this.#cancelled.signal.aborted) return this.#cancelledFailure();
    if (error instanceof Stopped) return error.failure;
    if (error instanceof CrusaderError) {
      return { ...environmentFailure(error.message, error.hint), detail: error.detail };
    }
    return {
      ...environmentFailure(
        "Crusader itself failed; this says nothing about the submission.",
        "Please report it with the detail below.",
      ),
      kind: "internal",
      fault: "workbench",
      detail: error instanceof Error ? (error.stack ?? error.message) : String(error),
    };
  }

  #cancelledFailure(): Failure {
    const failure = cancelledFailure(this.#stage);
    if (this.#jobId !== null) {
      const message = `The run was cancelled here. The server ${this.#server} takes no cancel: job ${this.#jobId} goes on there until it ends.`;
      return { ...failure, message, hint: "Restart the box's server to end it at once." };
    }
    if (!this.#isSending) return failure;
    const message = `The run was cancelled while it was sent: the server ${this.#server} may evaluate it all the same, and takes no cancel.`;
    return { ...failure, message, hint: "Restart the box's server to end it at once." };
  }

  // small things

  /** The server as it is named now: its token may have been replaced while a job waits. */
  #access(): Access | CrusaderError {
    try {
      const access = this.#options.servers.access(this.#server);
      if (access.address === this.#address) return access;
      return new CrusaderError(
        "conflict",
        `The server ${this.#server} is now ${access.address}, and the job is at ${this.#address}.`,
        "Give the name its old address back.",
      );
    } catch (error) {
      if (error instanceof CrusaderError) return error;
      throw error;
    }
  }

  #beginStage(stage: Stage): void {
    this.#stage = stage;
    this.#stageSince = this.#clock.now();
    this.#log.add({ type: "stage", stage, state: "running", seconds: null });
  }

  #endStage(state: "passed" | "failed"): void {
    const seconds = Math.max(0, (this.#clock.now() - this.#stageSince) / 1000);
    this.#log.add({ type: "stage", stage: this.#stage, state, seconds });
  }

  #note(level: Note["level"], id: string, message: string, line: number | null = null): void {
    this.#log.add({ type: "note", level, id, message, line });
  }

  /** A full disk must not cost a verdict. */
  #try(write: () => void): void {
    try {
      write();
    } catch (error) {
      if (!(error instanceof CrusaderError)) throw error;
      this.#journalProblem ??= error;
    }
  }
}

/** Growing pauses, never two apps in step. */
class Backoff {
  readonly #clock: Clock;
  #nextMs = FIRST_POLL_MS;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Not shorter than `atLeastMs`, which a server asked for. */
  async wait(atLeastMs: number, signal: AbortSignal): Promise<void> {
    const jittered = this.#nextMs * (1 - JITTER + 2 * JITTER * this.#clock.random());
    this.#nextMs = Math.min(LAST_POLL_MS, this.#nextMs * POLL_GROWTH);
    await this.#clock.sleep(Math.max(jittered, Math.min(atLeastMs, MAX_RETRY_AFTER_MS)), signal);
  }
}

const MAX_DETAIL_CHARACTERS = 2000;
/** Asking for a job again does not change these. */
const REFUSED_FOR_GOOD: readonly number[] = [400, 405, 410, 422];

const NO_SERVER = new CrusaderError(
  "usage",
  "Say which evaluation server is to judge it.",
  "--server NAME; crusader servers list shows those there are, crusader servers add names one.",
);

/** Why a profile's evaluations cannot be asked of a server; null where they can. */
function unfitProfile(profile: Record<string, unknown>): CrusaderError | null {
  const { kind, device } = (profile.crusader ?? {}) as { kind?: string; device?: string };
  if (kind === "rehearsal" || device === "cpu") {
    return new CrusaderError(
      "unsupported",
      "A rehearsal runs on CPU ranks, and an evaluation server has the production image, which needs CUDA.",
      "Choose a production profile (--profile production-2026-04).",
    );
  }
  const parsed = profileFieldsSchema.safeParse(profile);
  if (parsed.success) return null;
  const [issue] = parsed.error.issues;
  return new CrusaderError(
    "invalid_profile",
    `The profile lacks what an evaluation server is asked with: ${issue?.path.join(".")}.`,
    "Add it, as the validator's hparams.json has it.",
  );
}

/** A number, as text: a server that reads numbers takes it, and one that reads text too. The same after a restart. */
function taskIdOf(marker: string): string {
  return String(Number.parseInt(createHash("sha256").update(marker).digest("hex").slice(0, 12), 16));
}

function environmentFailure(message: string, hint: string): Omit<Failure, "stage"> {
  const nowhere = { code: null, rank: null, line: null, detail: "" };
  return { kind: "environment", fault: "environment", message, hint, ...nowhere };
}

function inDoubt(server: string, why: string): Omit<Failure, "stage"> {
  return environmentFailure(
    `Whether the server ${server} took the job is not known: ${why.replace(/\.$/, "")}. If it did, it evaluates it, and its result cannot be asked for.`,
    "It was not sent again, as that could make the box evaluate twice. Look at the box's log, then run it again.",
  );
}

function rejected(kind: "scan" | "topology", message: string): Omit<Failure, "stage"> {
  const hint =
    kind === "scan"
      ? "Nothing was sent. See all findings: crusader scan FILE"
      : "Nothing was sent. get_strategy() returns a literal whose dp_size * tp_size is the number of GPUs; --num-gpus sets that number for a run.";
  return { ...environmentFailure(message, hint), kind, fault: "submission" };
}

function scanFailure({ verdict, findings }: Analysis): Omit<Failure, "stage"> {
  const decisive = findings.find(
    ({ rule, line }) => rule === verdict.rule && (verdict.line === null || verdict.line === line),
  );
  const message = `The validator's ${verdict.kind} check rejects the file (${verdict.rule}): ${decisive?.message ?? ""}`;
  return { ...rejected("scan", message.trim()), line: verdict.line };
}

/** As `check_topology` of crusades_eval/topology.py decides. */
function topologyProblem(strategy: Strategy | null, numGpus: number): string | null {
  if (strategy === null) {
    if (numGpus === 1) return null;
    return `${numGpus} GPUs need a declared topology: add get_strategy() with a literal return such as {"dp_size": ${numGpus}, "tp_size": 1}.`;
  }
  const { dp_size: dp, tp_size: tp } = strategy;
  if (dp * tp === numGpus) return null;
  return `get_strategy() declares dp_size ${dp} x tp_size ${tp} = ${dp * tp} GPUs, but the evaluation uses ${numGpus}: make the product ${numGpus}.`;
}

function trouble(message: string, retryAfterMs = 0): Poll {
  return { kind: "trouble", message, retryAfterMs };
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
