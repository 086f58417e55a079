/**
 * The validator's public repository as data: fetched when the user asks, kept in the data folder, read, compared with the
 * rules in force, and put in force when the user says so. Nothing of it runs here, and none of it needs a network once it
 * was fetched.
 */
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { CrusaderError } from "../../../common/errors.ts";
import type {
  ProductionSource,
  ProductionStatus,
  Reading,
  Revision,
  RuleChange,
  RulesComparison,
  RulesPart,
  RulesSide,
  StaleRun,
} from "../../../common/production.ts";
import { repositoryUrlProblem } from "../../../common/production.ts";
import type { Plan, RunRecord } from "../../../common/runs.ts";
import type { ScanPolicy } from "../../../common/scan.ts";
import type { HparamsService } from "../hparams/index.ts";
import type { AppliedRules, Rules } from "../rules/index.ts";
import type { RunStore } from "../runs/index.ts";
import { purgeOlderThan, writeAtomically } from "../storage/index.ts";
import { Revision as Counter } from "../streams/index.ts";
import type { TaskUpdate } from "../tasks/index.ts";
import { BUILT_IN_PINS } from "./built-in-pins.ts";
import { compareRules, type RuleSet, rulesOfOurs, rulesOfReading, titleOf } from "./compare-rules.ts";
import {
  consequencesForFiles,
  consequencesForRuns,
  equal,
  JUDGING_PATHS,
  type JudgedSource,
  type MeasuredRun,
  measuredRun,
  type OwnFile,
  type Scan,
  valueAt,
} from "./consequences.ts";
import { DatedPolicies, type DatedPolicy } from "./dated-policies.ts";
import { readFolder } from "./folder.ts";
import { fetchCommit, type GitOptions } from "./git.ts";
import { readSnapshot } from "./reader.ts";
import { SNAPSHOT_LIMITS, type Snapshot, snapshotSha256 } from "./snapshot.ts";
import { type ChosenSource, SourceStore } from "./store.ts";

export type ProductionServiceOptions = {
  dataFolder: string;
  /** Folder of the Python package crusades_eval. */
  packageFolder: string;
  rules: Rules;
  hparams: HparamsService;
  runs: RunStore;
  /** The first of the user's own files; `truncated`: there are more. */
  ownFiles: (limit: number) => { files: OwnFile[]; truncated: boolean };
  scan: Scan;
  env: NodeJS.ProcessEnv;
  /** Between two looks at what other processes did, in milliseconds. */
  lookEveryMs: number;
  home?: string;
  now?: () => number;
  git?: Partial<Pick<GitOptions, "allowFiles" | "timeLimitMs" | "maxStoreBytes" | "limits">>;
};

/** The newest of the bundled profiles with production's values. */
const BUILT_IN_PROFILE = "production-2026-04";
/** The profile that `apply` writes, in the user's own folder of profiles. */
export const APPLIED_PROFILE = "production-source";

const TIME_LIMIT_MS = 5 * 60 * 1000;
const MAX_STORE_BYTES = 256 * 1024 * 1024;
const ABANDONED_AFTER_MS = 24 * 60 * 60 * 1000;
/** Runs that are looked at for consequences, the newest first. */
const MAX_RUNS = 1000;
/** Of the user's files, for what a change would do to them. */
const MAX_FILES = 200;
/** Of the history, the last judged version of each submission; likewise. */
const MAX_SUBMISSIONS = 100;
const LABEL_CHARACTERS = 7;
const AREAS: readonly RuleChange["area"][] = ["policy", "hparams", "threshold", "container", "scanner"];

/** Of the plans that are read to tell which runs are stale. */
const PLANS_AT_ONCE = 100;

/** The rules of a run, as far as they can become others; `values` are null for a rehearsal, whose profile is its own. */
type JudgedBy = { policy: Plan["policy"]; values: ReadonlyMap<string, unknown> | null };

type Side = { label: string; revision: Revision | null; rules: RuleSet; policy: ScanPolicy; notFound: string[] };

export class ProductionService {
  readonly #options: ProductionServiceOptions;
  readonly #store: SourceStore;
  readonly #datedPolicies: DatedPolicies;
  readonly #changed = new Counter();
  readonly #readings = new Map<string, Promise<Reading>>();
  /** Results never change once they are there. */
  readonly #measured = new Map<string, MeasuredRun>();
  readonly #rulesOfRuns = new Map<string, JudgedBy>();

  constructor(options: ProductionServiceOptions) {
    this.#options = options;
    this.#store = new SourceStore(options.dataFolder);
    this.#datedPolicies = new DatedPolicies(options.dataFolder);
  }

  /** Throws `data_folder`. */
  status(): ProductionStatus {
    const { source, pinned, newest } = this.#store.read();
    const { rules } = this.#options;
    const applied = rules.applied();
    return {
      source: this.#shown(source),
      pinned,
      newest,
      inForce: {
        appliedFrom: applied?.revision ?? null,
        appliedAt: applied?.appliedAt ?? null,
        policySha256: rules.policy().sha256,
        productionProfile: applied?.profile?.name ?? BUILT_IN_PROFILE,
      },
    };
  }

  /** How things stand, and again whenever that changed, also by another process. */
  async *watch(signal: AbortSignal | undefined): AsyncGenerator<ProductionStatus> {
    let shown = "";
    while (signal?.aborted !== true) {
      const seen = this.#changed.number;
      const status = this.status();
      const now = JSON.stringify(status);
      if (now !== shown) yield status;
      shown = now;
      await this.#changed.next(seen, signal, this.#options.lookEveryMs);
    }
  }

  /** `path` of a folder comes from the picker or the command line. Throws `usage` for an address that is not fetched from. */
  chooseSource(source: ChosenSource): ProductionStatus {
    const problem = source.kind === "git" ? this.#urlProblem(source.url) : null;
    if (problem !== null) throw new CrusaderError("usage", problem);
    return this.#write({ source });
  }

  /**
   * Fetches the source's newest revision and reads it; the first one is pinned. Throws `git_missing`, `fetch_failed`,
   * `too_large`, `not_found`, `access_denied`, `disk_full`, `data_folder`, or the signal's reason; then what was fetched
   * before is as it was.
   */
  async fetch({
    signal,
    onProgress = () => {},
  }: {
    signal?: AbortSignal;
    onProgress?: (update: TaskUpdate) => void;
  } = {}): Promise<ProductionStatus> {
    const { source } = this.#store.read();
    const { id, committedAt, files, leftOut } = await this.#take(source, onProgress, signal);
    if (files.size === 0) {
      throw new CrusaderError(
        "fetch_failed",
        "There are no files in it that rules could stand in. What was fetched before is kept.",
        "Check the address or the folder.",
      );
    }
    onProgress({ detail: "Looking for the rules", fraction: null });
    const reading = await readSnapshot({ ...this.#readerSetup(), files, signal });
    const revision: Revision = {
      id,
      label: id.slice(0, LABEL_CHARACTERS),
      source: this.#shown(source),
      committedAt,
      fetchedAt: this.#time(),
      files: files.size,
      bytes: [...files.values()].reduce((sum, { length }) => sum + length, 0),
      leftOut,
    };
    this.#store.keep(revision, files);
    this.#readings.set(id, Promise.resolve(reading));
    this.#keepPolicy(revision, reading);
    // Read anew: another process may have pinned something meanwhile.
    return this.#write({ newest: revision, pinned: this.#store.read().pinned ?? revision });
  }

  /** Throws `not_found` unless it is the newest or the pinned one. */
  pin(revisionId: string): ProductionStatus {
    return this.#write({ pinned: this.#revision(revisionId) });
  }

  /** Forgets what was fetched; what was applied stays in force. */
  remove(): ProductionStatus {
    this.#readings.clear();
    return this.#write({ pinned: null, newest: null });
  }

  /** Throws `not_found` where nothing was fetched, `fetch_failed` where it cannot be read. */
  reading(side: "pinned" | "newest"): Promise<Reading> {
    return this.#read(this.#fetched(side));
  }

  /** Throws as `reading` does, or the signal's reason. */
  async changes(from: RulesSide, to: RulesSide, signal?: AbortSignal): Promise<RulesComparison> {
    const [a, b] = [await this.#side(from), await this.#side(to)];
    const bare = compareRules(a.rules, b.rules);
    const runs = this.#measuredRuns();
    const policyChanges = bare.filter(({ area }) => area === "policy");
    const { files, truncated } =
      policyChanges.length === 0 ? { files: [], truncated: false } : this.#options.ownFiles(MAX_FILES);
    const judged = policyChanges.length === 0 ? { sources: [], truncated: false } : this.#lastJudged(files);
    const forFiles = await consequencesForFiles(policyChanges, [...files, ...judged.sources], {
      policy: a.policy,
      scan: this.#options.scan,
      signal,
    });
    const changes = bare.map((change): RuleChange => {
      const ofFiles = forFiles[policyChanges.indexOf(change)] ?? [];
      return { ...change, consequences: [...ofFiles, ...consequencesForRuns(change, runs.measured)] };
    });
    return {
      from: { side: from, label: a.label, revision: a.revision },
      to: { side: to, label: b.label, revision: b.revision },
      changes: changes.sort(byWeight),
      notFound: [...new Set([...b.notFound, ...a.notFound])],
      notes: [
        ...(truncated ? [`Of your files the first ${files.length} were scanned.`] : []),
        ...(judged.truncated ? [`Of the submissions of your history the last ${MAX_SUBMISSIONS} were scanned.`] : []),
        ...(runs.total > MAX_RUNS ? [`Of your ${runs.total} runs the last ${MAX_RUNS} were looked at.`] : []),
      ],
    };
  }

  /**
   * Puts a revision's rules in force, and pins it. Throws `not_found` where a part was not found in it, `invalid_profile`
   * where its values are not allowed, `conflict` where the user has a profile of that name; then nothing has changed.
   */
  async apply(revisionId: string, parts: readonly RulesPart[]): Promise<ProductionStatus> {
    const { rules } = this.#options;
    const revision = this.#revision(revisionId);
    const reading = await this.#read(revision);
    const previous = rules.applied();
    const policy = parts.includes("policy") ? this.#appliedPolicy(revision, reading) : (previous?.policy ?? null);
    // Last, as it is the only one that writes.
    const profile = parts.includes("profile")
      ? await this.#writeProfile(revision, reading, previous)
      : (previous?.profile ?? null);
    rules.apply({ revision: { id: revision.id, label: revision.label }, appliedAt: this.#time(), policy, profile });
    return this.#write({ pinned: revision });
  }

  /** Back to the built-in rules. A profile that was changed since it was applied is the user's own and stays. */
  revert(): ProductionStatus {
    const { rules } = this.#options;
    const profile = rules.applied()?.profile ?? null;
    if (profile !== null && sha256OfFile(this.#profilePath()) === profile.sha256) {
      rmSync(this.#profilePath(), { force: true });
    }
    rules.revert();
    this.#changed.advance();
    return this.status();
  }

  /** Runs made under other rules than those in force, newest first; `runIds`: of these. Throws `data_folder`. */
  async staleRuns(runIds?: readonly string[]): Promise<StaleRun[]> {
    const { rules, runs } = this.#options;
    const policySha256 = rules.policy().sha256;
    const builtInSha256 = rules.builtInPolicy().sha256;
    const current = judgingValues((await this.#productionProfile()).resolved);
    const ids = runIds ?? runs.list({ limit: Number.MAX_SAFE_INTEGER }).runs.map(({ id }) => id);
    const stale: StaleRun[] = [];
    for (const [index, id] of ids.entries()) {
      // Thousands of plans are read the first time; whoever else asks something meanwhile is answered.
      if (index % PLANS_AT_ONCE === PLANS_AT_ONCE - 1) await setImmediate();
      const judgedBy = this.#judgedBy(id);
      if (judgedBy === null) continue;
      const { policy, values } = judgedBy;
      const reasons =
        (policy?.sha256 ?? builtInSha256) === policySha256
          ? []
          : [`The scan policy was another one (${policy?.origin ?? "built-in"}).`];
      for (const [path, is] of values === null ? [] : current) {
        const was = values?.get(path);
        if (!equal(was, is)) reasons.push(`${titleOf(path)} ${text(was)}, now ${text(is)}.`);
      }
      if (reasons.length > 0) stale.push({ runId: id, reasons });
    }
    return stale;
  }

  // --- Fetching ------------------------------------------------------------------------------------------------------

  async #take(
    source: ChosenSource,
    onProgress: (update: TaskUpdate) => void,
    signal: AbortSignal | undefined,
  ): Promise<Snapshot & { id: string; committedAt: string | null }> {
    const { env, now = Date.now, git = {} } = this.#options;
    const limits = git.limits ?? SNAPSHOT_LIMITS;
    if (source.kind === "folder") {
      onProgress({ detail: "Reading the folder", fraction: null });
      const snapshot = readFolder(source.path, limits, signal);
      return { ...snapshot, id: snapshotSha256(snapshot.files), committedAt: null };
    }
    const temporary = this.#store.temporaryFolder();
    purgeOlderThan(temporary, ABANDONED_AFTER_MS, now());
    const folder = mkdtempSync(join(temporary, "git-"));
    const options: GitOptions = {
      env,
      timeLimitMs: TIME_LIMIT_MS,
      maxStoreBytes: MAX_STORE_BYTES,
      ...git,
      limits,
    };
    try {
      const { commit, ...rest } = await fetchCommit(
        { url: source.url, reference: source.reference, folder },
        options,
        onProgress,
        signal,
      );
      return { ...rest, id: commit };
    } finally {
      rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
    }
  }

  #urlProblem(url: string): string | null {
    return this.#options.git?.allowFiles === true && url.startsWith("file://") ? null : repositoryUrlProblem(url);
  }

  #shown(source: ChosenSource): ProductionSource {
    if (source.kind === "git") return source;
    const { home = homedir() } = this.#options;
    const { path } = source;
    return { kind: "folder", location: path.startsWith(home) ? `~${path.slice(home.length)}` : path };
  }

  #write(change: Partial<ReturnType<SourceStore["read"]>>): ProductionStatus {
    this.#store.write({ ...this.#store.read(), ...change });
    this.#changed.advance();
    return this.status();
  }

  #time(): string {
    return new Date((this.#options.now ?? Date.now)()).toISOString();
  }

  // --- Reading and comparing -------------------------------------------------------------------------------------------

  #fetched(side: "pinned" | "newest"): Revision {
    const revision = this.#store.read()[side];
    if (revision !== null) return revision;
    throw new CrusaderError("not_found", "The production source was not fetched yet.", "Fetch it first.");
  }

  /**
   * The scan policy as it was at a time: of the newest commit before it that was ever fetched here. Null where none is
   * known. Throws `data_folder`, `disk_full`.
   */
  async policyAt(time: string): Promise<DatedPolicy | null> {
    const { pinned, newest } = this.#store.read();
    for (const revision of [pinned, newest]) {
      if (revision === null || revision.committedAt === null || this.#datedPolicies.has(revision)) continue;
      // Fetched by a Crusader that kept none; one that cannot be read now leaves the others.
      const reading = await this.#read(revision).catch(() => null);
      if (reading !== null) this.#keepPolicy(revision, reading);
    }
    return this.#datedPolicies.at(Date.parse(time));
  }

  #keepPolicy(revision: Revision, reading: Reading): void {
    const policy = mergedPolicy(this.#options.rules.builtInPolicy().policy, reading);
    if (policy !== null) this.#datedPolicies.keep(revision, policy);
  }

  #revision(id: string): Revision {
    const { pinned, newest } = this.#store.read();
    const revision = [newest, pinned].find((candidate) => candidate?.id === id);
    if (revision != null) return revision;
    throw new CrusaderError(
      "not_found",
      `Revision ${id.slice(0, LABEL_CHARACTERS)} is not kept.`,
      "The newest and the pinned one are; fetch it again.",
    );
  }

  #readerSetup() {
    const { packageFolder, rules } = this.#options;
    return { packageFolder, policyJson: JSON.stringify(rules.builtInPolicy().policy) };
  }

  #read(revision: Revision): Promise<Reading> {
    const known = this.#readings.get(revision.id);
    if (known !== undefined) return known;
    const reading = readSnapshot({ ...this.#readerSetup(), files: this.#store.files(revision) });
    this.#readings.set(revision.id, reading);
    // A failure is not remembered: a slow machine may be faster next time.
    reading.catch(() => this.#readings.delete(revision.id));
    return reading;
  }

  async #side(side: RulesSide): Promise<Side> {
    const { rules, hparams } = this.#options;
    const ours = { revision: null, notFound: [] };
    switch (side) {
      case "builtin": {
        const { policy } = rules.builtInPolicy();
        const { raw } = await hparams.load(BUILT_IN_PROFILE);
        return { ...ours, label: "built-in", policy, rules: rulesOfOurs(policy, raw, BUILT_IN_PINS) };
      }
      case "in_force": {
        const { policy } = rules.policy();
        const { raw } = await this.#productionProfile();
        const label = rules.applied()?.revision.label;
        return {
          ...ours,
          label: label === undefined ? "built-in" : `source ${label}`,
          policy,
          rules: rulesOfOurs(policy, raw, BUILT_IN_PINS),
        };
      }
      default: {
        const revision = this.#fetched(side);
        const reading = await this.#read(revision);
        const found = rulesOfReading(reading);
        return {
          label: `source ${revision.label}`,
          revision,
          rules: found,
          policy: { ...rules.policy().policy, ...found.policy },
          notFound: [...reading.notFound, ...reading.unreadable.map((line) => `unreadable: ${line}`)],
        };
      }
    }
  }

  async #productionProfile() {
    const { hparams, rules } = this.#options;
    const applied = rules.applied()?.profile ?? null;
    // The user may have deleted it.
    const isThere = applied !== null && sha256OfFile(this.#profilePath()) !== null;
    return hparams.load(isThere ? applied.name : BUILT_IN_PROFILE);
  }

  #measuredRuns(): { measured: MeasuredRun[]; total: number } {
    const { runs } = this.#options;
    const list = runs.list({ limit: MAX_RUNS });
    const measured = list.runs.flatMap(({ id, state, imported }) => {
      // What others say that they measured is none of the user's own.
      if (state === "running" || imported === true) return [];
      const known = this.#measured.get(id) ?? this.#readable(id, (record) => measuredRun(record));
      if (known === null) return [];
      this.#measured.set(id, known);
      return [known];
    });
    return { measured, total: list.total };
  }

  /** The newest version of each submission, but for what is among `files` and what others wrote. */
  #lastJudged(files: readonly OwnFile[]): { sources: JudgedSource[]; truncated: boolean } {
    const { runs } = this.#options;
    const known = new Set(files.map(({ source }) => createHash("sha256").update(source).digest("hex")));
    const paths = new Set<string>();
    const last = runs.list({ limit: MAX_RUNS }).runs.filter(({ submission: { path, sha256, origin } }) => {
      if (origin !== undefined || paths.has(path)) return false;
      paths.add(path);
      const isNew = !known.has(sha256);
      known.add(sha256);
      return isNew;
    });
    const sources = last.slice(0, MAX_SUBMISSIONS).flatMap(({ id }) => {
      const source = this.#ifReadable(() => runs.source(id));
      return source === null ? [] : [{ runId: id, source }];
    });
    return { sources, truncated: last.length > MAX_SUBMISSIONS };
  }

  #judgedBy(id: string): JudgedBy | null {
    const known =
      this.#rulesOfRuns.get(id) ??
      this.#readable(id, ({ plan: { policy, profile } }) => ({
        policy,
        values: profile.kind === "production" ? judgingValues(profile.content) : null,
      }));
    if (known !== null) this.#rulesOfRuns.set(id, known);
    return known;
  }

  #readable<T>(id: string, take: (record: RunRecord) => T): T | null {
    return this.#ifReadable(() => take(this.#options.runs.show(id)));
  }

  #ifReadable<T>(read: () => T): T | null {
    try {
      return read();
    } catch (error) {
      // Deleted since it was listed, or damaged: nothing can be said about it.
      if (error instanceof CrusaderError) return null;
      throw error;
    }
  }

  // --- Putting in force ----------------------------------------------------------------------------------------------

  #appliedPolicy({ label }: Revision, reading: Reading): ScanPolicy {
    const policy = mergedPolicy(this.#options.rules.policy().policy, reading);
    if (policy !== null) return policy;
    throw new CrusaderError(
      "not_found",
      `No sets of the scan policy were found in ${label}. Nothing was changed.`,
      "Take over the profile alone.",
    );
  }

  async #writeProfile(
    revision: Revision,
    { hparams }: Reading,
    previous: AppliedRules | null,
  ): Promise<NonNullable<AppliedRules["profile"]>> {
    if (hparams === null) {
      throw new CrusaderError(
        "not_found",
        `No hparams were found in ${revision.label}. Nothing was changed.`,
        "Take over the policy alone.",
      );
    }
    const path = this.#profilePath();
    const present = sha256OfFile(path);
    if (present !== null && present !== previous?.profile?.sha256) {
      throw new CrusaderError(
        "conflict",
        `${path} is a profile of yours, or was changed since it was applied. Nothing was changed.`,
        "Give it another name, then apply again.",
      );
    }
    const when = (revision.committedAt ?? revision.fetchedAt).slice(0, 10);
    const crusader = { kind: "production", title: `Production, source ${revision.label} (${when})`, device: "cuda" };
    const content = `${JSON.stringify({ ...hparams.content, crusader }, null, 2)}\n`;
    // Judged where nobody lists it, before it takes the place of one that works.
    const candidate = join(mkdtempSync(join(this.#store.temporaryFolder(), "profile-")), `${APPLIED_PROFILE}.json`);
    try {
      writeAtomically(candidate, content);
      await this.#options.hparams.load(candidate);
    } finally {
      rmSync(join(candidate, ".."), { recursive: true, force: true });
    }
    writeAtomically(path, content);
    return { name: APPLIED_PROFILE, sha256: createHash("sha256").update(content).digest("hex") };
  }

  #profilePath(): string {
    return join(this.#options.dataFolder, "hparams", `${APPLIED_PROFILE}.json`);
  }
}

function judgingValues(profile: Record<string, unknown>): ReadonlyMap<string, unknown> {
  return new Map(JUDGING_PATHS.map((path) => [path, valueAt(profile, path)]));
}

function sha256OfFile(path: string): string | null {
  try {
    return createHash("sha256").update(readFileSync(path)).digest("hex");
  } catch {
    return null;
  }
}

function byWeight(a: RuleChange, b: RuleChange): number {
  const weight = ({ consequences }: RuleChange) =>
    consequences.reduce((sum, { runIds, files }) => sum + runIds.length + files.length, 0);
  return weight(b) - weight(a) || AREAS.indexOf(a.area) - AREAS.indexOf(b.area) || (a.name < b.name ? -1 : 1);
}

function text(value: unknown): string {
  if (value === undefined || value === null) return "none";
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** What was found in a revision, over another policy: what was not found stays as it is. Null where nothing was found. */
function mergedPolicy(policy: ScanPolicy, reading: Reading): ScanPolicy | null {
  const found = Object.entries(reading.policy).filter(
    ([key, { value }]) => Array.isArray(policy[key]) === Array.isArray(value),
  );
  if (found.length === 0) return null;
  return { ...policy, ...Object.fromEntries(found.map(([key, { value }]) => [key, value])) };
}
