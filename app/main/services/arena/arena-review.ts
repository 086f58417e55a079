/** The review of others' code: scan and heuristics on the kept bytes, the reader's notes, and the report of it all. */
import type { SubmissionReference } from "../../../common/arena.ts";
import type { Inspection, NoteChange, ReviewNotes, TechniqueHistory } from "../../../common/arena-review.ts";
import { CrusaderError } from "../../../common/errors.ts";
import type { ExportedFile } from "../../../common/history.ts";
import type { Review } from "../../../common/review.ts";
import type { Analysis, PolicyInForce } from "../../../common/scan.ts";
import type { DatedPolicy } from "../production/index.ts";
import { policySha256 } from "../rules/index.ts";
import type { ArenaService } from "./arena-service.ts";
import { ReviewNotesFile } from "./review-notes.ts";
import { reviewReport } from "./review-report.ts";
import { shownPlaces } from "./shown-places.ts";
import { TechniqueHistories } from "./technique-history.ts";

export type ArenaReviewOptions = {
  dataFolder: string;
  /** Where review.py lies. */
  packageFolder: string;
  arena: Pick<ArenaService, "submission" | "code" | "codesOnBoard">;
  scan: (source: Uint8Array, policyJson: string) => Promise<Analysis>;
  review: (source: Uint8Array) => Promise<Review>;
  policy: () => PolicyInForce;
  /** The policy at a time (ISO); null where none is known. */
  policyAt: (time: string) => Promise<DatedPolicy | null>;
  crusaderVersion: string;
  now?: () => number;
};

/** The last ones: who goes back and forth between two submissions does not wait again. */
const MAX_KEPT_INSPECTIONS = 20;

export class ArenaReview {
  readonly #options: Required<ArenaReviewOptions>;
  readonly #notes: ReviewNotesFile;
  readonly #histories: TechniqueHistories;
  readonly #inspections = new Map<string, Inspection>();

  constructor(options: ArenaReviewOptions) {
    this.#options = { now: Date.now, ...options };
    this.#notes = new ReviewNotesFile(options);
    this.#histories = new TechniqueHistories(options);
  }

  get setAside(): { file: string; reason: string } | null {
    return this.#notes.setAside;
  }

  notes(reference: SubmissionReference): ReviewNotes {
    return this.#notes.of(reference);
  }

  /** Throws `not_found` where there is no such submission, or no such line; else as `ReviewNotesFile.change`. */
  annotate(reference: SubmissionReference, change: NoteChange): ReviewNotes {
    const { code } = this.#options.arena.submission(reference);
    const isNew = change.verdict !== null || change.text !== "";
    if (change.of === "line" && isNew && change.line > (code?.lines ?? 0)) {
      throw new CrusaderError("not_found", `The code of ${reference.submissionId} has no line ${change.line}.`);
    }
    return this.#notes.change(reference, change, code?.sha256 ?? null);
  }

  /** Throws `not_found`, also where no code is kept; else as the scanner. */
  async inspect(reference: SubmissionReference): Promise<Inspection> {
    const { arena, policy, policyAt, scan, review } = this.#options;
    const { bytes, sha256 } = arena.code(reference);
    const { createdAt } = arena.submission(reference).submission;
    const inForce = policy();
    const dated = createdAt === null ? null : await policyAt(createdAt);
    const key = `${sha256} ${inForce.sha256} ${dated?.revisionId}`;
    const known = this.#inspections.get(key);
    if (known !== undefined) return known;
    const analysis = await scan(bytes, JSON.stringify(inForce.policy));
    const isSame = dated !== null && policySha256(dated.policy) === inForce.sha256;
    const past = dated === null || isSame ? analysis : await scan(bytes, JSON.stringify(dated.policy));
    const ofItsTime = dated && {
      rules: `source ${dated.label}`,
      committedAt: dated.committedAt,
      isSame,
      verdict: past.verdict,
    };
    const inspection = placed(
      { sha256, analysis, review: await review(bytes), rules: inForce.origin, ofItsTime },
      bytes,
    );
    this.#inspections.set(key, inspection);
    for (const old of [...this.#inspections.keys()].slice(0, -MAX_KEPT_INSPECTIONS)) this.#inspections.delete(old);
    return inspection;
  }

  /** Throws `not_found` for a source of which nothing is known. */
  techniqueHistory(
    source: string,
    techniques: readonly string[],
    signal: AbortSignal | undefined,
  ): AsyncGenerator<TechniqueHistory> {
    return this.#histories.of(this.#options.arena.codesOnBoard(source), techniques, signal);
  }

  /** Throws as `inspect`, but needs no code. */
  async report(reference: SubmissionReference, format: "markdown" | "json"): Promise<ExportedFile> {
    const { arena, crusaderVersion, now } = this.#options;
    const shown = arena.submission(reference);
    const inspection = shown.code === null ? null : await this.inspect(reference);
    const notes = this.notes(reference);
    return reviewReport(
      { shown, inspection, notes, exportedAt: new Date(now()).toISOString(), crusaderVersion },
      format,
    );
  }
}

/** Every place as the code is shown; what mends one's own file is not for another's. */
function placed(inspection: Inspection, bytes: Uint8Array): Inspection {
  const shown = shownPlaces(Buffer.from(bytes).toString("utf8"));
  const { analysis, review, ofItsTime } = inspection;
  const lineOf = (line: number) => shown({ line, column: 1, endLine: line, endColumn: 1 }).line;
  const { verdict, findings, lints, cudaNeeds } = analysis;
  const placedVerdict = (told: typeof verdict) => ({ ...told, line: told.line === null ? null : lineOf(told.line) });
  return {
    ...inspection,
    analysis: {
      ...analysis,
      verdict: placedVerdict(verdict),
      findings: findings.map(shown),
      lints: lints.map(shown),
      cudaNeeds: cudaNeeds.map((need) => ({ ...need, line: lineOf(need.line) })),
      fixes: [],
    },
    ofItsTime: ofItsTime && { ...ofItsTime, verdict: placedVerdict(ofItsTime.verdict) },
    review: {
      unreviewed:
        review.unreviewed === null || review.unreviewed.line === null
          ? review.unreviewed
          : { ...review.unreviewed, line: lineOf(review.unreviewed.line) },
      findings: review.findings.map((finding) => ({ ...shown(finding), evidence: finding.evidence.map(shown) })),
      techniques: review.techniques.map((technique) => ({ ...technique, places: technique.places.map(shown) })),
    },
  };
}
