/** A review as a file for others: what was looked at, what was found, and what the reader makes of it. */
import type { ShownSubmission } from "../../../common/arena.ts";
import type { Inspection, ReviewNotes, ReviewVerdict } from "../../../common/arena-review.ts";
import { formatMfu } from "../../../common/format.ts";
import type { ExportedFile } from "../../../common/history.ts";
import { shownLines, shownText } from "../../../common/shown-text.ts";

export type ReportedReview = {
  shown: ShownSubmission;
  /** Null where there is no code. */
  inspection: Inspection | null;
  notes: ReviewNotes;
  exportedAt: string;
  crusaderVersion: string;
};

export const VERDICT_WORDS: Record<ReviewVerdict, string> = {
  sound: "sound",
  doubtful: "doubtful",
  exploit: "an exploit",
};

const LONGEST_QUOTE_CHARACTERS = 500;

export function reviewReport(reported: ReportedReview, format: "markdown" | "json"): ExportedFile {
  const report = reportOf(reported);
  const name = `review-${report.submission.submissionId.replaceAll(/[^\w-]/g, "_")}`;
  return format === "json"
    ? { fileName: `${name}.json`, mediaType: "application/json", text: `${JSON.stringify(report, null, 2)}\n` }
    : { fileName: `${name}.md`, mediaType: "text/markdown", text: markdown(report) };
}

function reportOf({ shown, inspection, notes, exportedAt, crusaderVersion }: ReportedReview) {
  const { submission, codeHash, codeMatches, codeUrl, paymentVerified, specVersion, spread, evaluations, code } = shown;
  const { source, submissionId, hotkey, uid, state, status, score, error, createdAt, commitBlock } = submission;
  const codeLines = code?.text.split("\n") ?? [];
  // Lines of other code say nothing about this one's.
  const areOfThisCode = notes.codeSha256 === null || notes.codeSha256 === code?.sha256;
  return {
    exportVersion: 1,
    exportedAt,
    crusaderVersion,
    submission: {
      source,
      submissionId,
      hotkey,
      uid,
      state,
      status,
      score,
      error,
      createdAt,
      commitBlock,
      codeUrl,
      specVersion,
      paymentVerified,
      committedHash: codeHash,
      sha256: code?.sha256 ?? null,
      isWhatWasCommitted: codeMatches,
      hiddenCharacters: code?.hiddenCount ?? null,
      spread,
      evaluations,
    },
    verdict: notes.verdict,
    note: notes.text,
    notedLinesOf: notes.codeSha256,
    lines: notes.lines.map((note) => ({
      ...note,
      code: areOfThisCode ? quoted(codeLines[note.line - 1] ?? "") : null,
    })),
    scan:
      inspection === null
        ? null
        : {
            rules: inspection.rules,
            verdict: inspection.analysis.verdict,
            findings: inspection.analysis.findings.map(({ rule, line, message }) => ({ rule, line, message })),
            ofItsTime: inspection.ofItsTime && {
              rules: inspection.ofItsTime.rules,
              committedAt: inspection.ofItsTime.committedAt,
              verdict: inspection.ofItsTime.verdict,
            },
          },
    review: inspection?.review ?? null,
  };
}

type Report = ReturnType<typeof reportOf>;

function markdown(report: Report): string {
  const { submission, exportedAt, crusaderVersion, verdict, note, lines, notedLinesOf, scan, review } = report;
  const { sha256 } = submission;
  return [
    `# Review of ${words(submission.submissionId)}`,
    `By Crusader ${crusaderVersion}, ${exportedAt}. The verdict is the reviewer's own; findings are places to look at, not verdicts.`,
    `Verdict: ${verdict === null ? "none" : `**${VERDICT_WORDS[verdict]}**`}`,
    ...(note === "" ? [] : [quote(note)]),
    facts(submission),
    ...(lines.length === 0
      ? []
      : [
          "## Noted lines",
          ...(notedLinesOf === sha256 ? [] : [`These are lines of other code, SHA-256 ${notedLinesOf ?? "unknown"}.`]),
          ...lines.map(({ line, verdict: ofLine, text, code }) =>
            [
              `### Line ${line}${ofLine === null ? "" : `: ${VERDICT_WORDS[ofLine]}`}`,
              ...(code === null ? [] : [fenced(code)]),
              ...(text === "" ? [] : [quote(text)]),
            ].join("\n\n"),
          ),
        ]),
    ...(scan === null ? ["## Scan", "There is no code to scan."] : scanPart(scan)),
    ...(review === null ? [] : reviewPart(review)),
  ]
    .join("\n\n")
    .concat("\n");
}

function facts(submission: Report["submission"]): string {
  const { hotkey, uid, status, score, error, spread, createdAt, commitBlock, codeUrl, paymentVerified } = submission;
  const rows: [string, string | null][] = [
    ["Source", submission.source],
    ["Author", hotkey === null ? null : `${hotkey}${uid === null ? "" : `, uid ${uid}`}`],
    ["Status", status],
    ["Score", score === null ? null : formatMfu(score)],
    [
      "Evaluations",
      spread === null
        ? null
        : `${spread.count} successful, ${formatMfu(spread.lowest)} to ${formatMfu(spread.highest)}, median ${formatMfu(spread.lowMedian)}`,
    ],
    ["Error", error],
    ["Created", createdAt],
    ["Block", commitBlock === null ? null : String(commitBlock)],
    ["URL", codeUrl],
    ["Payment", paymentVerified === null ? null : paymentVerified ? "verified by the validator" : "not verified"],
    ["Committed hash", submission.committedHash],
    ["SHA-256 of the code", submission.sha256],
    [
      "Is what was committed",
      submission.isWhatWasCommitted === null ? "not known" : submission.isWhatWasCommitted ? "yes" : "NO",
    ],
    ["Hidden characters", submission.hiddenCharacters === null ? null : String(submission.hiddenCharacters)],
  ];
  const shown = rows.flatMap(([name, value]) => (value === null ? [] : [`| ${name} | ${words(value)} |`]));
  return ["| | |", "| --- | --- |", ...shown].join("\n");
}

function scanPart({ rules, verdict: { ok }, findings, ofItsTime }: NonNullable<Report["scan"]>): string[] {
  const ofThen =
    ofItsTime === null
      ? "The rules of its time are not known here."
      : `By the rules of its time (${words(ofItsTime.rules)}, ${ofItsTime.committedAt}): ${ofItsTime.verdict.ok ? "passes" : "rejected"}.`;
  return [
    "## Scan",
    `By the rules in force (${words(rules)}): ${ok ? "passes" : "rejected"}. ${ofThen}`,
    ...(findings.length === 0
      ? []
      : [findings.map(({ rule, line, message }) => `- Line ${line}, ${rule}: ${words(message)}`).join("\n")]),
  ];
}

function reviewPart({ unreviewed, findings, techniques }: NonNullable<Report["review"]>): string[] {
  if (unreviewed !== null) return ["## Findings", `Not reviewed, so nothing is known: ${words(unreviewed.message)}`];
  return [
    "## Findings",
    ...(findings.length === 0 ? ["None."] : []),
    ...findings.map(({ title, severity, line, sentence, evidence }) =>
      [
        `### Line ${line}: ${words(title)} (${severity === "likely_exploit" ? "likely exploit" : "worth a look"})`,
        words(sentence),
        evidence.map((each) => `- Line ${each.line}: ${code(each.text)}`).join("\n"),
      ].join("\n\n"),
    ),
    "## Techniques",
    techniques.length === 0
      ? "None that is known."
      : techniques
          .map(
            ({ title, places }) =>
              `- ${words(title)}: ${places.length === 1 ? "line" : "lines"} ${places.map(({ line }) => line).join(", ")}`,
          )
          .join("\n"),
  ];
}

function quoted(line: string): string {
  const points = Array.from(line);
  return points.length <= LONGEST_QUOTE_CHARACTERS ? line : `${points.slice(0, LONGEST_QUOTE_CHARACTERS).join("")}...`;
}

/** Others' words, which are no Markdown. */
function words(text: string): string {
  return shownText(text).replaceAll(/[\\`*_[\]<>|#!~]/g, "\\$&");
}

function quote(text: string): string {
  return shownLines(text)
    .split("\n")
    .map((line) => `> ${words(line)}`)
    .join("\n");
}

function code(text: string): string {
  const marks = marksAround(text, 1);
  return `${marks} ${shownText(text)} ${marks}`;
}

function fenced(text: string): string {
  const marks = marksAround(text, 3);
  return `${marks}python\n${shownLines(text)}\n${marks}`;
}

/** More of them than there are anywhere in it. */
function marksAround(text: string, least: number): string {
  const longest = Math.max(0, ...(text.match(/`+/g) ?? []).map(({ length }) => length));
  return "`".repeat(Math.max(least, longest + 1));
}
