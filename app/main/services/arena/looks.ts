/**
 * Looks at sources: when somebody asks, and again and again while somebody watches. What a look brings goes into the archive;
 * one look a source goes on at a time, so that later answers are later.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { ArenaSource } from "../../../common/arena.ts";
import { CrusaderError } from "../../../common/errors.ts";
import { Revision } from "../streams/index.ts";
import type { SeenThreshold } from "./answers.ts";
import { type ApiAccess, type ApiDetails, type ApiLists, checkApi, readDetails, readLists } from "./api-source.ts";
import type { Archive, Entry } from "./archive.ts";
import { databaseFingerprint, readDatabase } from "./database-source.ts";
import { placeText, type SourceList } from "./source-list.ts";

export type LooksOptions = {
  sources: SourceList;
  archive: Archive;
  /** Advances when something may read differently. */
  changed: Revision;
  /** Milliseconds since 1970. */
  now: () => number;
  /** 0..1. */
  random: () => number;
  /** Between two looks at an API that answers, and at a database. */
  pollEveryMs: number;
  lookEveryMs: number;
  /** Told what no look should throw. */
  onBug: (error: unknown) => void;
};

/** What this process knows of a database that it has read whole. */
type ReadDatabase = { fingerprint: string; lastEvaluation: bigint; tookMs: number; lookedMs: number };

const LONGEST_PAUSE_MS = 10 * 60_000;
const LONGEST_ASKED_PAUSE_MS = 60 * 60_000;
/** While details are still to be read. */
const MORE_DETAILS_MS = 5000;
const DETAILS_AT_ONCE = 40;
const CODE_AGAIN_MS = 60 * 60_000;
const PUT_AT_ONCE = 50;
const CHECK_TIMEOUT_MS = 20_000;
/** At most one part in 20 of the time goes into reading a database that is always written. */
const LOOKING_SHARE = 20;
/** That a source still says the same is written down as often. */
const SEEN_EVERY_MS = 60_000;

export class Looks {
  readonly #options: LooksOptions;
  readonly #going = new Map<string, Promise<void>>();
  readonly #databases = new Map<string, ReadDatabase>();
  readonly #closed = new AbortController();
  #watchers = 0;
  #polling: AbortController | null = null;

  constructor(options: LooksOptions) {
    this.#options = options;
  }

  /** Returns when no look goes on. */
  async close(): Promise<void> {
    this.#closed.abort();
    this.#polling?.abort();
    await Promise.allSettled(this.#going.values());
  }

  /** Somebody watches, until the function that this returns is called. */
  watch(): () => void {
    this.#watchers += 1;
    if (this.#polling === null && !this.#closed.signal.aborted) {
      this.#polling = new AbortController();
      for (const { name } of this.#options.sources.list()) void this.#poll(name, this.#polling.signal);
    }
    return () => {
      this.#watchers -= 1;
      if (this.#watchers > 0) return;
      this.#polling?.abort();
      this.#polling = null;
    };
  }

  /** A source is new, is another or is gone. */
  sourceChanged(name: string): void {
    this.#databases.delete(name);
    if (this.#polling !== null) {
      this.#polling.abort();
      this.#polling = new AbortController();
      for (const source of this.#options.sources.list()) void this.#poll(source.name, this.#polling.signal);
    }
  }

  /** Looks at a source now, or waits for the look that goes on. What stands in the way becomes its state. Throws `not_found`. */
  look(name: string): Promise<void> {
    const going = this.#going.get(name);
    if (going !== undefined) return going;
    const look = this.#lookAt(this.#options.sources.find(name)).finally(() => this.#going.delete(name));
    this.#going.set(name, look);
    return look;
  }

  /** Reads one submission's details anew. Throws `not_found`, and why its source cannot be read. */
  async lookAtSubmission(name: string, submissionId: string): Promise<void> {
    const source = this.#options.sources.find(name);
    if (source.place.kind === "database") {
      await this.look(name);
      return;
    }
    const wanted = [{ id: submissionId, wantsCode: true }];
    const { details, notes } = await readDetails(this.#access(source), wanted, this.#closed.signal);
    const [note] = notes;
    if (note !== undefined) throw new CrusaderError("server_unreachable", note, "What was kept before is still shown.");
    this.#putDetails(name, details);
  }

  /** Null: it answers as a source does. Throws `not_found`. */
  async check(name: string, asked?: AbortSignal): Promise<CrusaderError | null> {
    const source = this.#options.sources.find(name);
    const tooLong = AbortSignal.timeout(CHECK_TIMEOUT_MS);
    const signal = AbortSignal.any([tooLong, this.#closed.signal, ...(asked === undefined ? [] : [asked])]);
    try {
      if (source.place.kind === "api") return await checkApi(this.#access(source), signal);
      // The first page tells whether it can be read.
      for await (const _piece of readDatabase(source.place.path, { markOf: () => null, signal })) break;
      return null;
    } catch (error) {
      if (error instanceof CrusaderError) return error;
      if (tooLong.aborted) return new CrusaderError("server_unreachable", `${name} did not answer in time.`);
      throw error;
    }
  }

  /** One source, until nobody watches or it is gone. */
  async #poll(name: string, signal: AbortSignal): Promise<void> {
    const { sources, now, onBug } = this.#options;
    const pause = (ms: number) => new Revision().next(0, signal, Math.min(ms, LONGEST_PAUSE_MS));
    while (!signal.aborted) {
      try {
        if (!sources.list().some((source) => source.name === name)) return;
        const waitMs = this.#dueMs(name) - now();
        if (waitMs > 0) await pause(waitMs);
        else await this.look(name);
      } catch (error) {
        // A data folder that cannot be written is told by whatever reads it.
        if (!(error instanceof CrusaderError)) onBug(error);
        await pause(LONGEST_PAUSE_MS);
      }
    }
  }

  /** When the next look is due, also after one by another process. */
  #dueMs(name: string): number {
    const { sources, archive, pollEveryMs, lookEveryMs, random } = this.#options;
    const { place } = sources.find(name);
    if (place.kind === "database") {
      const read = this.#databases.get(name);
      return read === undefined ? 0 : read.lookedMs + Math.max(lookEveryMs, LOOKING_SHARE * read.tookMs);
    }
    const { triedMs, failures, waitUntilMs } = archive.sourceState(name);
    if (triedMs === null) return 0;
    const hasMore = failures === 0 && this.#wanted(name, 1).length > 0;
    const pauseMs = hasMore
      ? Math.min(MORE_DETAILS_MS, pollEveryMs)
      : Math.min(LONGEST_PAUSE_MS, pollEveryMs * 2 ** failures);
    // Windows that were opened at once do not ask at once for ever.
    return Math.max(waitUntilMs ?? 0, triedMs + pauseMs * (0.9 + 0.2 * random()));
  }

  async #lookAt(source: ArenaSource): Promise<void> {
    try {
      if (source.place.kind === "api") await this.#lookAtApi(this.#access(source));
      else await this.#lookAtDatabase(source.name, source.place.path);
    } catch (error) {
      if (this.#closed.signal.aborted) return;
      if (!(error instanceof CrusaderError)) throw error;
      this.#failed(source.name, error, null);
      if (source.place.kind === "database") this.#looked(source.name, { fingerprint: "", lastEvaluation: 0n }, 0);
    }
  }

  #failed(name: string, problem: CrusaderError, waitSeconds: number | null): void {
    const { archive, changed, now } = this.#options;
    const before = archive.sourceState(name);
    const isSame = before.problem?.message === problem.message;
    if (isSame && before.triedMs !== null && now() - before.triedMs < SEEN_EVERY_MS && waitSeconds === null) return;
    const failures = Math.min(before.failures + 1, 20);
    const waitUntilMs = this.#waitUntil(waitSeconds);
    archive.putSourceState(name, { ...before, triedMs: now(), failures, waitUntilMs, problem: problem.report() });
    changed.advance();
  }

  #waitUntil(waitSeconds: number | null): number | null {
    return waitSeconds === null ? null : this.#options.now() + Math.min(waitSeconds * 1000, LONGEST_ASKED_PAUSE_MS);
  }

  async #lookAtApi(access: ApiAccess): Promise<void> {
    const { archive, changed, now } = this.#options;
    const { name } = access;
    const { signal } = this.#closed;
    const { answer, problem, waitSeconds } = await readLists(access, (path) => archive.validator(name, path), signal);
    if (answer === null) {
      this.#failed(name, problem ?? new CrusaderError("server_refused", `${name} did not answer.`), waitSeconds);
      return;
    }
    await this.#put(
      name,
      answer.submissions.map((submission) => ({ submission })),
    );
    const before = archive.sourceState(name);
    archive.transaction(() => {
      archive.putBest(name, answer.best);
      if (answer.board !== null) this.#relist(name, answer.board);
      for (const { path, validator } of answer.validators) archive.putValidator(name, path, validator);
      archive.putSourceState(name, {
        seenMs: now(),
        triedMs: now(),
        failures: 0,
        waitUntilMs: this.#waitUntil(waitSeconds),
        problem: null,
        notes: answer.notes,
        status: answer.status ?? before.status,
        threshold: answer.threshold ?? before.threshold,
        serverLeader: answer.board === null ? before.serverLeader : (answer.board.ids[0] ?? null),
      });
    });
    changed.advance();
    const { details, notes } = await readDetails(access, this.#wanted(name, DETAILS_AT_ONCE), signal);
    this.#putDetails(name, details);
    if (notes.length === 0) return;
    const state = archive.sourceState(name);
    archive.putSourceState(name, { ...state, notes: [...state.notes, ...notes] });
    changed.advance();
  }

  /** What the board would have to name and does not is listed no longer; what finished since it was asked for may not be on it yet. */
  #relist(name: string, { ids, recentIds, isWhole, lowestScore }: NonNullable<ApiLists["board"]>): void {
    const { archive } = this.#options;
    const named = new Set([...ids, ...recentIds]);
    const gone = archive
      .finished(name)
      .filter(({ submissionId, score }) => !named.has(submissionId) && (isWhole || (score ?? 0) > lowestScore));
    archive.setListed(name, ids, true);
    archive.setListed(
      name,
      gone.map(({ submissionId }) => submissionId),
      false,
    );
  }

  #wanted(name: string, limit: number) {
    return this.#options.archive.withoutDetails(name, this.#options.now() - CODE_AGAIN_MS, limit);
  }

  #putDetails(name: string, details: readonly ApiDetails[]): void {
    const { archive, changed, now } = this.#options;
    for (const { submissionId, submission, evaluations, code } of details) {
      const known = submission ?? archive.submission(name, submissionId);
      if (known === null) continue;
      archive.transaction(() => {
        archive.put(name, { submission: known, ...(code === undefined ? {} : { code }) }, now());
        archive.putEvaluations(name, submissionId, evaluations);
        archive.setDetailed(name, submissionId);
      });
    }
    if (details.length > 0) changed.advance();
  }

  async #lookAtDatabase(name: string, path: string): Promise<void> {
    const { archive, changed, now } = this.#options;
    const before = archive.sourceState(name);
    const read = this.#databases.get(name);
    if (read?.fingerprint === databaseFingerprint(path) && before.problem === null) {
      this.#looked(name, read, read.tookMs);
      if (now() - (before.seenMs ?? 0) < SEEN_EVERY_MS) return;
      archive.putSourceState(name, { ...before, seenMs: now(), triedMs: now() });
      changed.advance();
      return;
    }
    const startedAt = performance.now();
    const marks = archive.marks(name);
    const listed = new Set<string>();
    let [skipped, threshold]: [number, SeenThreshold | null] = [0, null];
    const known = { markOf: (id: string) => marks.get(id) ?? null, ...(read === undefined ? {} : { read }) };
    for await (const piece of readDatabase(path, { ...known, signal: this.#closed.signal })) {
      switch (piece.kind) {
        case "submissions":
          await this.#put(name, piece.entries);
          for (const id of piece.ids) listed.add(id);
          skipped += piece.skipped;
          break;
        case "evaluations":
          archive.transaction(() => {
            for (const [id, evaluations] of piece.bySubmission) archive.putEvaluations(name, id, evaluations);
          });
          break;
        case "threshold":
          threshold = piece.threshold;
          break;
        case "end": {
          const notes = skipped === 0 ? piece.notes : [...piece.notes, `${skipped} rows have no usable id.`];
          const state = {
            seenMs: now(),
            triedMs: now(),
            failures: 0,
            waitUntilMs: null,
            problem: null,
            notes,
            threshold,
          };
          archive.transaction(() => {
            const kept = archive.submissions(name).filter((each) => listed.has(each.submissionId) !== each.listed);
            for (const wanted of [true, false]) {
              const changing = kept.filter((each) => each.listed !== wanted).map(({ submissionId }) => submissionId);
              archive.setListed(name, changing, wanted);
            }
            archive.putSourceState(name, { ...state, status: null, serverLeader: null });
          });
          this.#looked(name, piece, performance.now() - startedAt);
          changed.advance();
          break;
        }
      }
    }
  }

  #looked(
    name: string,
    { fingerprint, lastEvaluation }: Pick<ReadDatabase, "fingerprint" | "lastEvaluation">,
    tookMs: number,
  ): void {
    this.#databases.set(name, { fingerprint, lastEvaluation, tookMs, lookedMs: this.#options.now() });
  }

  /** In pieces, so that the window's other questions have their turn. */
  async #put(name: string, entries: readonly Entry[]): Promise<void> {
    const { archive, now } = this.#options;
    for (let at = 0; at < entries.length; at += PUT_AT_ONCE) {
      archive.transaction(() => {
        for (const entry of entries.slice(at, at + PUT_AT_ONCE)) archive.put(name, entry, now());
      });
      await nextTurn();
      this.#closed.signal.throwIfAborted();
    }
  }

  #access(source: ArenaSource): ApiAccess {
    return { name: source.name, address: placeText(source), apiKey: this.#options.sources.apiKeyOf(source) };
  }
}
