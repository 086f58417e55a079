/** What is known of everybody's submissions: kept in `arena.db`, brought by sources that are looked at while somebody watches. */
import { createHash } from "node:crypto";
import { createTwoFilesPatch, FILE_HEADERS_ONLY } from "diff";
import {
  type ArenaCode,
  type ArenaDiff,
  type ArenaFound,
  type ArenaHistory,
  type ArenaSearch,
  type ArenaSource,
  type ArenaSubmission,
  type Board,
  type BoardEntry,
  type Evaluated,
  MAX_HISTORY_POINTS,
  type Revealed,
  type ShownSource,
  type ShownSubmission,
  type Standing,
  type Standings,
  type SubmissionReference,
  type ValidatorStatus,
} from "../../../common/arena.ts";
import { CrusaderError } from "../../../common/errors.ts";
import { VALIDATOR_CODES, type ValidatorCode } from "../../../common/events.ts";
import {
  blockOfDecayed,
  passesAtBlock,
  type Ranked,
  rankBoard,
  scoreToPass,
  type ThresholdRules,
  thresholdAt,
} from "../../../common/leader.ts";
import type { CodeOrigin } from "../../../common/runs.ts";
import { lowMedian } from "../../../common/score.ts";
import { isPlain } from "../../../common/servers.ts";
import { hiddenIn, shownLines } from "../../../common/shown-text.ts";
import type { Secrets } from "../settings/index.ts";
import { Revision } from "../streams/index.ts";
import type { SeenEvaluation, SeenThreshold } from "./answers.ts";
import { Archive, commitBlockOf, type KeptSubmission, type SourceState } from "./archive.ts";
import { Copies } from "./copies.ts";
import { databaseFile } from "./database-source.ts";
import { Looks } from "./looks.ts";
import { lineWith, wordsQuery } from "./search.ts";
import { placeText, SourceList } from "./source-list.ts";

/** The rules of a profile, as far as the board goes by them. */
export type BoardRules = { threshold: ThresholdRules; secondsPerBlock: number; burnRate: number | null };

export type ArenaServiceOptions = {
  dataFolder: string;
  secrets: Secrets;
  /** Addresses of the user's own hotkeys. */
  ownHotkeys: () => readonly string[];
  /** The user's best run whose score compares with the board's; null: there is none. */
  bestRun: () => { runId: string; score: number } | null;
  /** The user's runs of code with that hash, the newest first. */
  runsOf: (sha256: string) => string[];
  /** True for code that is the user's own, or Crusader's, whoever else submitted it. */
  isOwnCode: (sha256: string) => boolean;
  /** Milliseconds since 1970. */
  now?: () => number;
  /** 0..1. */
  random?: () => number;
  /** Between two looks at an API that answers, and at a database. */
  pollEveryMs?: number;
  lookEveryMs?: number;
  /** Told what no look should throw. */
  onBug?: (error: unknown) => void;
};

/** All that is kept of one. */
export type ExportedSubmission = ArenaSubmission &
  Pick<ShownSubmission, "codeUrl" | "codeHash" | "specVersion" | "paymentVerified"> & {
    evaluations: (Omit<SeenEvaluation, "createdMs"> & { createdAt: string | null })[];
    code?: string;
  };

/** A side of a diff: a submission, or bytes that the asker has. */
export type DiffedSide =
  | { kind: "submission"; source: string; submissionId: string }
  | { kind: "leader"; source: string }
  | { kind: "previous" }
  | { kind: "bytes"; title: string; bytes: Uint8Array };

type RankedSubmission = Ranked<KeptSubmission & { score: number }>;
/** `unlisted`: how many finished ones are listed no longer, and have no rank. */
type Ranking = { ranked: readonly RankedSubmission[]; unlisted: number };

const POLL_EVERY_MS = 30_000;
const DIFF_TIMEOUT_MS = 2000;
const OWN_HOTKEYS_FOR_MS = 5000;
const LONGEST_FORECAST_MS = 100 * 365 * 24 * 60 * 60_000;
const MAX_HIDDEN_SHOWN = 100;
const MAX_QUEUE = 100;
const MAX_RECENT = 50;
const MAX_SAME_CODE = 20;
const MAX_EXPORT_CHARACTERS = 64 * 1024 * 1024;
/** A submission's blocks (commit, reveal) lie closer together than two submissions of a hotkey may. */
const MIN_BLOCKS_BETWEEN = 360;

export class ArenaService implements Standings {
  readonly #options: Pick<Required<ArenaServiceOptions>, "now" | "ownHotkeys" | "bestRun" | "runsOf" | "isOwnCode">;
  readonly #sources: SourceList;
  readonly #archive: Archive;
  readonly #copies: Copies;
  readonly #changed = new Revision();
  readonly #looks: Looks;
  readonly #lookEveryMs: number;
  /** By source and threshold, as everything was in the state `of`. */
  readonly #rankings = { of: "", known: new Map<string, Ranking>() };
  #hotkeys: { addresses: ReadonlySet<string>; untilMs: number } = { addresses: new Set(), untilMs: 0 };

  constructor({
    now = Date.now,
    random = Math.random,
    pollEveryMs = POLL_EVERY_MS,
    lookEveryMs = 1000,
    onBug = () => {},
    ...options
  }: ArenaServiceOptions) {
    this.#options = { now, ...options };
    this.#lookEveryMs = lookEveryMs;
    this.#sources = new SourceList(options);
    this.#archive = new Archive(options);
    this.#copies = new Copies(options);
    const [sources, archive, changed] = [this.#sources, this.#archive, this.#changed];
    this.#looks = new Looks({ sources, archive, changed, now, random, pollEveryMs, lookEveryMs, onBug });
  }

  /** The last file that could not be used since the start: where it lies now, and why. */
  get setAside(): { file: string; reason: string } | null {
    return this.#archive.setAside ?? this.#sources.setAside ?? this.#copies.setAside;
  }

  async close(): Promise<void> {
    await this.#looks.close();
    this.#archive.close();
  }

  // Sources

  /** Those there are, then those of which something is still kept. */
  sources(): ShownSource[] {
    const named = this.#sources.list();
    const kept = this.#archive.sourceNames().filter((name) => !named.some((source) => source.name === name));
    return [
      ...named.map((source) => this.#shownSource(source.name, source)),
      ...kept.map((name) => this.#shownSource(name, null)),
    ];
  }

  /** Throws as `SourceList.add`, and as `databaseFile` for a database that is none. */
  add(
    source: ArenaSource,
    apiKey: string | null,
    how: { replace?: boolean; keepApiKey?: boolean } = {},
  ): ShownSource[] {
    const { place } = source;
    const settled = place.kind === "api" ? source : { ...source, place: { ...place, path: databaseFile(place.path) } };
    const old = this.#sources.add(settled, apiKey, how);
    if (old === null || placeText(old) !== placeText(settled)) this.#archive.dropValidators(source.name);
    this.#looks.sourceChanged(source.name);
    this.#changed.advance();
    return this.sources();
  }

  /** The source goes; what was seen of it stays unless `forget`. Throws `not_found`. */
  remove(name: string, forget: boolean): ShownSource[] {
    const isNamed = this.#sources.list().some((source) => source.name === name);
    if (isNamed || !this.#archive.sourceNames().includes(name)) this.#sources.remove(name);
    if (forget) this.#archive.forget(name);
    this.#looks.sourceChanged(name);
    this.#changed.advance();
    return this.sources();
  }

  /** Whether it answers as a source does; changes nothing. Throws `not_found`. */
  async check(name: string, signal?: AbortSignal): Promise<{ problem: CrusaderError | null; milliseconds: number }> {
    const startedAt = performance.now();
    const problem = await this.#looks.check(name, signal);
    return { problem, milliseconds: Math.round(performance.now() - startedAt) };
  }

  /** Looks at sources now, all of them without a name; returns when that is done, whatever came of it. Throws `not_found`. */
  async refresh(name?: string): Promise<ShownSource[]> {
    const sources = name === undefined ? this.#sources.list() : [this.#sources.find(name)];
    await Promise.all(sources.map((source) => this.#looks.look(source.name)));
    return this.sources();
  }

  /** Reads one submission's details anew, with its code. Throws `not_found`, and why its source cannot be read. */
  async refreshSubmission(reference: SubmissionReference): Promise<ShownSubmission> {
    await this.#looks.lookAtSubmission(reference.source, reference.submissionId);
    return this.submission(reference);
  }

  /** A counter that moves whenever something may read differently, also by another process. Sources are looked at while it is read. */
  async *watch(signal: AbortSignal | undefined): AsyncGenerator<{ revision: number }> {
    const stop = this.#looks.watch();
    try {
      let shown = "";
      for (let revision = 0; signal?.aborted !== true; ) {
        const seen = this.#changed.number;
        const now = `${seen} ${this.#archive.othersVersion()}`;
        if (now !== shown) yield { revision: revision++ };
        shown = now;
        await this.#changed.next(seen, signal, this.#lookEveryMs);
      }
    } finally {
      stop();
    }
  }

  // What there is to see

  /** Throws `not_found` for a source of which nothing is known. */
  board(
    source: string,
    rules: BoardRules,
    { block, limit = 100, offset = 0 }: { block?: number | undefined; limit?: number; offset?: number } = {},
  ): Board {
    const state = this.#known(source);
    const threshold = this.#thresholdOf(source, state.threshold, rules.threshold, block);
    const { ranked, unlisted } = this.#rankedBy(source, threshold.now);
    const shown = (entry: RankedSubmission): BoardEntry => ({
      ...this.#shown(entry),
      score: entry.score,
      rank: entry.rank,
      scoreRank: entry.scoreRank,
    });
    const leader = ranked[0] === undefined ? null : shown(ranked[0]);
    const notes: string[] = [];
    if (leader !== null && state.serverLeader !== null && state.serverLeader !== leader.submissionId) {
      notes.push(
        `The source itself names ${state.serverLeader} as place 1; by the leader rule it is ${leader.submissionId}.`,
      );
    }
    return {
      source,
      seenAt: isoOrNull(state.seenMs),
      problem: state.problem,
      entries: ranked.slice(offset, offset + limit).map(shown),
      total: ranked.length,
      unlisted,
      leader,
      threshold: { ...threshold, scoreToPass: leader === null ? null : scoreToPass(leader.score, threshold.now) },
      own: this.#ownStandings(ranked, threshold, rules, threshold.blockFrom === "source" ? state.seenMs : null),
      reward: rules.burnRate === null ? null : { burnRate: rules.burnRate, winnerShare: 1 - rules.burnRate },
      secondsPerBlock: rules.secondsPerBlock,
      notes,
    };
  }

  /** Throws `not_found`. */
  history(source: string): ArenaHistory {
    const state = this.#known(source);
    const all = this.#archive.submissions(source);
    const timed = all
      .flatMap((submission) =>
        submission.createdMs === null ? [] : [{ ...submission, createdMs: submission.createdMs }],
      )
      .sort((a, b) => a.createdMs - b.createdMs || compare(a.submissionId, b.submissionId));
    const known = new Set(timed.filter(({ score }) => score !== null).map(({ submissionId }) => submissionId));
    const scored = [
      ...timed.filter(isListed).map(({ submissionId, score, createdMs }) => ({
        submissionId,
        score: score ?? 0,
        atMs: createdMs,
      })),
      // Only the source's own history still names these.
      ...this.#archive.best(source).filter(({ submissionId }) => !known.has(submissionId)),
    ].sort((a, b) => a.atMs - b.atMs || a.score - b.score || compare(a.submissionId, b.submissionId));
    let highest = 0;
    const best = scored.flatMap(({ submissionId, score, atMs }) => {
      if (score <= highest) return [];
      highest = score;
      return [{ at: iso(atMs), score, submissionId }];
    });
    return {
      source,
      seenAt: isoOrNull(state.seenMs),
      points: timed.slice(-MAX_HISTORY_POINTS).map((each) => {
        const { submissionId, hotkey, uid, isOwn, state: standing, score, error, errorCode } = this.#shown(each);
        return { submissionId, hotkey, uid, isOwn, at: iso(each.createdMs), state: standing, score, error, errorCode };
      }),
      withoutTime: all.length - timed.length,
      truncated: timed.length > MAX_HISTORY_POINTS,
      best,
    };
  }

  /** Throws `not_found`. */
  status(source: string): ValidatorStatus {
    const { seenMs, status } = this.#known(source);
    const all = this.#archive.submissions(source);
    const of = (wanted: ArenaSubmission["state"]) => all.filter(({ state }) => state === wanted);
    const [finished, failed, waiting] = [of("finished"), of("failed"), of("waiting").filter(({ listed }) => listed)];
    const running = waiting.filter((each) => each.status === "evaluating");
    const scores = finished.flatMap(({ score }) => (score === null ? [] : [score]));
    const hasCounts =
      status?.queued != null && status.running !== null && status.finished !== null && status.failed !== null;
    const counted = {
      queued: waiting.length - running.length,
      running: running.length,
      finished: finished.length,
      failed: failed.length,
    };
    const ended = finished.length + failed.length;
    const newestFirst = (a: KeptSubmission, b: KeptSubmission) =>
      (b.createdMs ?? 0) - (a.createdMs ?? 0) || compare(b.submissionId, a.submissionId);
    return {
      source,
      seenAt: isoOrNull(seenMs),
      status: status?.status ?? null,
      currentEvaluation: status?.currentEvaluation ?? null,
      uptime: status?.uptime ?? null,
      evaluationsLastHour: status?.evaluationsLastHour ?? null,
      submissionsLastDay: status?.submissionsLastDay ?? null,
      activeMiners: status?.activeMiners ?? null,
      countsFrom: hasCounts ? "source" : "kept",
      queued: hasCounts ? (status.queued ?? 0) : counted.queued,
      running: hasCounts ? (status.running ?? 0) : counted.running,
      finished: hasCounts ? (status.finished ?? 0) : counted.finished,
      failed: hasCounts ? (status.failed ?? 0) : counted.failed,
      averageScore:
        status?.averageScore ?? (scores.length === 0 ? null : scores.reduce((a, b) => a + b, 0) / scores.length),
      successPercent: status?.successPercent ?? (ended === 0 ? null : (100 * finished.length) / ended),
      queue: waiting
        .sort((a, b) => newestFirst(b, a))
        .slice(0, MAX_QUEUE)
        .map((each) => this.#shown(each)),
      recent: all
        .sort(newestFirst)
        .slice(0, MAX_RECENT)
        .map((each) => this.#shown(each)),
    };
  }

  /** Throws `not_found`. */
  submission(reference: SubmissionReference): ShownSubmission {
    const kept = this.#kept(reference);
    const evaluations = this.#archive.evaluations(kept.row);
    const bytes = kept.codeRow === null ? null : this.#archive.code(kept.codeRow);
    return {
      submission: this.#shown(kept),
      seenAt: iso(kept.seenMs),
      codeUrl: kept.codeUrl,
      specVersion: kept.specVersion,
      paymentVerified: kept.paymentVerified,
      evaluations: evaluations.map(({ createdMs, ...evaluation }) => ({
        ...evaluation,
        errorCode: codeIn(evaluation.error),
        createdAt: isoOrNull(createdMs),
      })),
      spread: spreadOf(evaluations),
      code: bytes === null ? null : shownCode(bytes),
      codeProblem: bytes === null ? "The source has not stored its code yet, or it has not been read yet." : "",
      codeHash: kept.codeHash,
      codeMatches: codeMatches(kept),
      sameCode:
        kept.codeSha256 === null
          ? []
          : this.#archive
              .withCode(kept.codeSha256)
              .filter(({ row }) => row !== kept.row)
              .slice(0, MAX_SAME_CODE)
              .map(({ source, submissionId }) => ({ source, submissionId })),
      previousId: this.#archive.previousOf(kept)?.submissionId ?? null,
      leaderId: this.#leaderOf(reference.source)?.submissionId ?? null,
      runIds: kept.codeSha256 === null ? [] : this.#options.runsOf(kept.codeSha256).slice(0, 10),
    };
  }

  /** The kept code as it is, and whose it is. Throws `not_found`, also where none is kept. */
  code(reference: SubmissionReference): { bytes: Uint8Array; sha256: string; origin: CodeOrigin } {
    const kept = this.#kept(reference);
    if (kept.codeRow === null || kept.codeSha256 === null) {
      throw new CrusaderError(
        "not_found",
        `No code of ${kept.submissionId} is kept.`,
        "Its source may not have stored it yet: evaluated code becomes public.",
      );
    }
    return { bytes: this.#archive.code(kept.codeRow), sha256: kept.codeSha256, origin: originOf(kept) };
  }

  /** Finished ones whose code is kept, the oldest first, those without a time last. Throws `not_found`. */
  codesOnBoard(
    source: string,
  ): { submissionId: string; createdAt: string | null; sha256: string; bytes: () => Uint8Array }[] {
    this.#known(source);
    return this.#archive
      .finished(source)
      .sort((a, b) => (a.createdMs ?? Infinity) - (b.createdMs ?? Infinity) || compare(a.submissionId, b.submissionId))
      .flatMap(({ submissionId, createdMs, codeSha256, codeRow }) =>
        codeSha256 === null || codeRow === null
          ? []
          : [
              {
                submissionId,
                createdAt: isoOrNull(createdMs),
                sha256: codeSha256,
                bytes: () => this.#archive.code(codeRow),
              },
            ],
      );
  }

  /** Code that is not kept yet is read from its source first, unless `offline`. Throws `not_found`. */
  async diff(a: DiffedSide, b: DiffedSide, { offline = false }: { offline?: boolean } = {}): Promise<ArenaDiff> {
    const reference = [a, b].find((side) => side.kind === "submission");
    const diffed = async (side: DiffedSide): Promise<ArenaDiff["a"]> => {
      const { title, bytes, submission } = this.#diffed(side, reference);
      if (submission !== null && !offline) await this.#bringCode(submission);
      const content = submission === null ? bytes : this.code(submission).bytes;
      return {
        title,
        text: shownLines(Buffer.from(content).toString("utf8")),
        sha256: createHash("sha256").update(content).digest("hex"),
      };
    };
    const [sideA, sideB] = await Promise.all([diffed(a), diffed(b)]);
    const identical = sideA.sha256 === sideB.sha256;
    const options = { context: 3, timeout: DIFF_TIMEOUT_MS, headerOptions: FILE_HEADERS_ONLY };
    const diff = identical
      ? ""
      : createTwoFilesPatch(sideA.title, sideB.title, sideA.text, sideB.text, "", "", options);
    return { a: sideA, b: sideB, identical, diff: diff ?? null };
  }

  /** `own` asks for submissions of own hotkeys. */
  search({ query, source, state, own, limit, offset }: ArenaSearch): ArenaFound {
    const words = wordsQuery(query);
    // Signs alone are in no word.
    if (words === null && query.trim() !== "") return { results: [], total: 0 };
    const hotkeys = own ? [...this.#ownHotkeys()] : null;
    const { found, total } = this.#archive.search(
      words,
      { source: source ?? null, state: state ?? null, hotkeys },
      limit,
      offset,
    );
    const results = found.map((kept) => {
      const code =
        words === null || kept.codeRow === null ? null : Buffer.from(this.#archive.code(kept.codeRow)).toString("utf8");
      const line = code === null ? null : lineWith(code, query);
      return { submission: this.#shown(kept), line: line === null ? null : { ...line, text: shownLines(line.text) } };
    });
    return { results, total };
  }

  /** Everything that is kept of a source. Throws `not_found`, `too_large`. */
  export(source: string, withCode: boolean): ExportedSubmission[] {
    this.#known(source);
    let characters = 0;
    return this.#archive
      .submissions(source)
      .sort((a, b) => compare(a.submissionId, b.submissionId))
      .map((kept) => {
        const { codeUrl, specVersion, paymentVerified, codeHash } = kept;
        const code =
          withCode && kept.codeRow !== null
            ? Buffer.from(this.#archive.code(kept.codeRow)).toString("utf8")
            : undefined;
        const evaluations = this.#archive
          .evaluations(kept.row)
          .map(({ createdMs, ...evaluation }) => ({ ...evaluation, createdAt: isoOrNull(createdMs) }));
        characters += (code?.length ?? 0) + 1000;
        if (characters > MAX_EXPORT_CHARACTERS) {
          throw new CrusaderError("too_large", `All of ${source} is more than 64 MiB.`, "Export it without the code.");
        }
        return {
          ...this.#shown(kept),
          codeUrl,
          codeHash,
          specVersion,
          paymentVerified,
          evaluations,
          ...(code === undefined ? {} : { code }),
        };
      });
  }

  // Whose code

  /** A file was made of a submission's code. */
  noteCopy(path: string, { source, submissionId }: SubmissionReference): void {
    this.#copies.note({ path, source, submissionId, seenAt: iso(this.#options.now()) });
  }

  /** `from`, links resolved, is called `to` now. */
  noteMoved(from: string, to: string): void {
    this.#copies.moved(from, to);
  }

  /** Whose code a file is: by where it lies, else by what is in it. */
  originOf(path: string, sha256: string): CodeOrigin | undefined {
    return this.#originOfPath(path) ?? this.originOfCode(sha256);
  }

  /** Another's where some source has it of another's hotkey; never what is the user's own or Crusader's. */
  originOfCode(sha256: string): CodeOrigin | undefined {
    if (this.#options.isOwnCode(sha256)) return undefined;
    const known = this.#archive.withCode(sha256);
    const own = this.#ownHotkeys();
    if (known.some(({ hotkey }) => hotkey !== null && own.has(hotkey))) return undefined;
    return known[0] === undefined ? undefined : originOf(known[0]);
  }

  #originOfPath(path: string): CodeOrigin | undefined {
    const copy = this.#copies.of(path);
    return copy === undefined
      ? undefined
      : { source: copy.source, submissionId: copy.submissionId, seenAt: copy.seenAt };
  }

  // Standings

  standing(): Standing | null {
    const states = this.#sources.list().map(({ name }) => ({ name, state: this.#archive.sourceState(name) }));
    const newest = states.reduce<(typeof states)[number] | null>(
      (best, each) => ((each.state.seenMs ?? -1) > (best?.state.seenMs ?? -1) ? each : best),
      null,
    );
    if (newest === null || newest.state.seenMs === null) return null;
    const { name, state } = newest;
    const leader = this.#leaderOf(name);
    return {
      source: name,
      seenAt: iso(state.seenMs ?? 0),
      leader:
        leader === null
          ? null
          : { submissionId: leader.submissionId, hotkey: leader.hotkey, uid: leader.uid, score: leader.score },
      threshold:
        state.threshold === null
          ? null
          : { current: state.threshold.current, lastUpdateBlock: state.threshold.lastUpdateBlock },
    };
  }

  evaluationOf({ hotkey, uid, codeHash, url, revealedBlock }: Revealed): Evaluated | null {
    const distance = (id: string) => {
      const block = commitBlockOf(id);
      return block === null || revealedBlock === null ? MIN_BLOCKS_BETWEEN - 1 : Math.abs(block - revealedBlock);
    };
    const isIt = (kept: KeptSubmission) => {
      if (uid !== null && kept.uid !== null && kept.uid !== uid) return false;
      if (distance(kept.submissionId) >= MIN_BLOCKS_BETWEEN) return false;
      const isSameCode = kept.codeHash === null ? null : hashesAgree(kept.codeHash, codeHash);
      return (
        isSameCode ?? (kept.codeUrl === url || (commitBlockOf(kept.submissionId) !== null && revealedBlock !== null))
      );
    };
    const [found] = this.#archive
      .byHotkey(hotkey)
      .filter(isIt)
      .sort(
        (a, b) =>
          Number(b.codeUrl === url) - Number(a.codeUrl === url) ||
          distance(a.submissionId) - distance(b.submissionId) ||
          b.seenMs - a.seenMs ||
          compare(a.source + a.submissionId, b.source + b.submissionId),
      );
    if (found === undefined) return null;
    const { source, submissionId, status, score, error, seenMs } = found;
    const rank = this.#ranked(source).find((entry) => entry.submissionId === submissionId)?.rank ?? null;
    return { source, submissionId, status: status ?? "unknown", score, rank, error, seenAt: iso(seenMs) };
  }

  // Shown

  #shownSource(name: string, source: ArenaSource | null): ShownSource {
    const { seenMs, triedMs, problem, notes } = this.#archive.sourceState(name);
    const { submissions, codes } = this.#archive.counts(name);
    return {
      name,
      kind: source?.place.kind ?? "kept",
      place: source === null ? "" : placeText(source),
      isPlain: source?.place.kind === "api" && isPlain(source.place.address),
      hasApiKey: source !== null && this.#sources.apiKeyOf(source) !== null,
      seenAt: isoOrNull(seenMs),
      triedAt: isoOrNull(triedMs),
      problem,
      notes,
      submissionCount: submissions,
      codeCount: codes,
    };
  }

  #shown(kept: KeptSubmission): ArenaSubmission {
    return {
      source: kept.source,
      submissionId: kept.submissionId,
      hotkey: kept.hotkey,
      uid: kept.uid,
      isOwn: kept.hotkey !== null && this.#ownHotkeys().has(kept.hotkey),
      state: kept.state,
      status: kept.status,
      score: kept.score,
      evaluationCount: kept.evaluationCount,
      createdAt: isoOrNull(kept.createdMs),
      zoneAssumed: kept.zoneAssumed,
      updatedAt: isoOrNull(kept.updatedMs),
      commitBlock: commitBlockOf(kept.submissionId),
      error: kept.error,
      errorCode: codeIn(kept.error),
      codeSha256: kept.codeSha256,
      isListed: kept.listed,
    };
  }

  #known(source: string): SourceState {
    const isKnown = this.#archive.sourceNames().includes(source);
    if (!isKnown) this.#sources.find(source);
    return this.#archive.sourceState(source);
  }

  #kept({ source, submissionId }: SubmissionReference): KeptSubmission {
    const kept = this.#archive.submission(source, submissionId);
    if (kept !== null) return kept;
    throw new CrusaderError(
      "not_found",
      `${source} has no submission ${submissionId}.`,
      "It may not have been read yet: refresh the source.",
    );
  }

  #thresholdOf(
    source: string,
    seen: SeenThreshold | null,
    rules: ThresholdRules,
    asked: number | undefined,
  ): Omit<Board["threshold"], "scoreToPass"> {
    const state = seen === null ? null : { current: seen.current, lastUpdateBlock: seen.lastUpdateBlock };
    const told = state === null || seen?.decayed == null ? null : blockOfDecayed(seen.decayed, state, rules);
    const newest = asked === undefined ? this.#archive.newestBlock(source) : null;
    const block = asked ?? (told === null && newest === null ? null : Math.max(told ?? 0, newest ?? 0));
    const blockFrom =
      asked !== undefined
        ? ("asked" as const)
        : block === null
          ? null
          : block === told
            ? ("source" as const)
            : ("newest_submission" as const);
    const decayed =
      state === null
        ? rules.baseThreshold
        : block === null
          ? (seen?.decayed ?? state.current)
          : thresholdAt(state, rules, block);
    return {
      state,
      lastImprovement: seen?.lastImprovement ?? null,
      updatedAt: isoOrNull(seen?.updatedMs ?? null),
      rules,
      block,
      blockFrom,
      now: decayed,
      sourceNow: seen?.decayed ?? null,
    };
  }

  /** Without a profile: by the threshold that the source names. */
  #ranked(source: string): readonly RankedSubmission[] {
    const { threshold } = this.#archive.sourceState(source);
    return this.#rankedBy(source, threshold?.decayed ?? threshold?.current ?? 0).ranked;
  }

  /** Kept until something changes, as lists ask it for each of their rows, and the board for each of its pages. */
  #rankedBy(source: string, threshold: number): Ranking {
    const of = `${this.#changed.number} ${this.#archive.othersVersion()}`;
    if (this.#rankings.of !== of) {
      this.#rankings.of = of;
      this.#rankings.known.clear();
    }
    const key = `${source} ${threshold}`;
    const known = this.#rankings.known.get(key);
    if (known !== undefined) return known;
    const finished = this.#archive.finished(source);
    const listed = finished.filter(isListed);
    const ranking = { ranked: rankBoard(listed, threshold), unlisted: finished.length - listed.length };
    this.#rankings.known.set(key, ranking);
    return ranking;
  }

  #leaderOf(source: string) {
    return this.#ranked(source)[0] ?? null;
  }

  /** The best of the own submissions on the board, and the best own run. */
  #ownStandings(
    ranked: readonly RankedSubmission[],
    { state, block, now }: Omit<Board["threshold"], "scoreToPass">,
    { threshold: rules, secondsPerBlock }: BoardRules,
    /** When the block was the newest; null: now. */
    blockMs: number | null,
  ): Board["own"] {
    const hotkeys = this.#ownHotkeys();
    const leader = ranked[0] ?? null;
    const best = ranked
      .filter(({ hotkey }) => hotkey !== null && hotkeys.has(hotkey))
      .sort((a, b) => a.scoreRank - b.scoreRank)[0];
    const run = this.#options.bestRun();
    const standings: Pick<Board["own"][number], "score" | "from">[] = [
      ...(best === undefined
        ? []
        : [{ score: best.score, from: { kind: "submission" as const, submissionId: best.submissionId } }]),
      ...(run === null ? [] : [{ score: run.score, from: { kind: "run" as const, runId: run.runId } }]),
    ];
    return standings.map(({ score, from }) => {
      const isLeader = from.kind === "submission" && from.submissionId === leader?.submissionId;
      const decaying = state ?? { current: now, lastUpdateBlock: 0 };
      const isAsked = leader !== null && !isLeader && block !== null;
      const passesAt = isAsked ? passesAtBlock(score, leader.score, decaying, rules, block) : null;
      const inMs = passesAt === null || block === null ? 0 : (passesAt - block) * secondsPerBlock * 1000;
      const at = (blockMs ?? this.#options.now()) + inMs;
      return {
        score,
        from,
        isLeader,
        passesAtBlock: passesAt,
        // Further away than a date can be.
        passesAtTime: passesAt === null || inMs > LONGEST_FORECAST_MS ? null : iso(at),
      };
    });
  }

  /** What a side is, with its bytes, or of which submission they are. */
  #diffed(
    side: DiffedSide,
    reference: DiffedSide | undefined,
  ): { title: string } & ({ bytes: Uint8Array; submission: null } | { bytes: null; submission: SubmissionReference }) {
    switch (side.kind) {
      case "bytes":
        return { title: side.title, bytes: side.bytes, submission: null };
      case "submission":
        return { title: side.submissionId, bytes: null, submission: side };
      case "leader": {
        const leader = this.#leaderOf(side.source);
        if (leader === null) throw new CrusaderError("not_found", `Nobody leads in ${side.source} yet.`);
        return { title: `${leader.submissionId} (leader)`, bytes: null, submission: leader };
      }
      case "previous": {
        const previous = reference?.kind === "submission" ? this.#archive.previousOf(this.#kept(reference)) : null;
        if (previous === null)
          throw new CrusaderError("not_found", "Its author has none before it.", "Compare it with another one.");
        return { title: `${previous.submissionId} (the author's one before)`, bytes: null, submission: previous };
      }
    }
  }

  /** From its source, where none is kept: nobody has looked at it closer yet. Where that fails, whoever needs it says so. */
  async #bringCode(reference: SubmissionReference): Promise<void> {
    if (this.#kept(reference).codeRow !== null) return;
    try {
      await this.#looks.lookAtSubmission(reference.source, reference.submissionId);
    } catch (error) {
      if (!(error instanceof CrusaderError)) throw error;
    }
  }

  #ownHotkeys(): ReadonlySet<string> {
    const now = this.#options.now();
    if (now >= this.#hotkeys.untilMs) {
      this.#hotkeys = { addresses: new Set(this.#options.ownHotkeys()), untilMs: now + OWN_HOTKEYS_FOR_MS };
    }
    return this.#hotkeys.addresses;
  }
}

function isListed(kept: KeptSubmission): kept is KeptSubmission & { score: number } {
  return kept.listed && kept.state === "finished" && kept.score !== null;
}

function originOf({ source, submissionId, seenMs }: KeptSubmission): CodeOrigin {
  return { source, submissionId, seenAt: iso(seenMs) };
}

/** The first of the validator's codes that stands in a text as a word. */
function codeIn(error: string | null): ValidatorCode | null {
  const words = new Set(error?.match(/[a-z]+(?:_[a-z]+)+/g));
  return VALIDATOR_CODES.find((code) => words.has(code)) ?? null;
}

/** The committed hash is half of a SHA-256; some rows have all of it. */
function hashesAgree(a: string, b: string): boolean | null {
  const [short, long] = [a.toLowerCase(), b.toLowerCase()].sort((x, y) => x.length - y.length);
  const isHash = (text: string | undefined) => /^[0-9a-f]{32,64}$/.test(text ?? "");
  return isHash(short) && isHash(long) ? (long ?? "").startsWith(short ?? "") : null;
}

function codeMatches({ codeHash, codeSha256 }: KeptSubmission): boolean | null {
  return codeHash === null || codeSha256 === null ? null : hashesAgree(codeHash, codeSha256);
}

function spreadOf(evaluations: readonly SeenEvaluation[]): ShownSubmission["spread"] {
  const scores = evaluations.flatMap(({ success, mfu }) => (success !== false && mfu !== null ? [mfu] : []));
  const median = lowMedian(scores);
  if (median === undefined) return null;
  const [lowest, highest] = [Math.min(...scores), Math.max(...scores)];
  return {
    count: scores.length,
    lowest,
    lowMedian: median,
    highest,
    spreadPercent: median === 0 ? 0 : (100 * (highest - lowest)) / median,
  };
}

function shownCode(bytes: Uint8Array): ArenaCode {
  const content = Buffer.from(bytes);
  const text = content.toString("utf8");
  const { count, first } = hiddenIn(text, MAX_HIDDEN_SHOWN);
  const lines = text.split("\n");
  return {
    text: shownLines(text),
    sha256: createHash("sha256").update(content).digest("hex"),
    bytes: content.length,
    lines: lines.length,
    longestLineCharacters: lines.reduce((longest, line) => Math.max(longest, line.length), 0),
    isText: Buffer.from(text, "utf8").equals(content),
    hiddenCount: count,
    hidden: first,
  };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

function isoOrNull(ms: number | null): string | null {
  return ms === null ? null : iso(ms);
}
