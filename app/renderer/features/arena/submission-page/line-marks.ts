/** What stands beside the lines of another's code: findings of the review, and the reader's notes. Pure. */
import type { LineNote, ReviewVerdict } from "../../../../common/arena-review.ts";
import type { Evidence, Review } from "../../../../common/review.ts";

export const VERDICT_WORDS: Record<ReviewVerdict, string> = {
  sound: "sound",
  doubtful: "doubtful",
  exploit: "an exploit",
};

export const SEVERITY_WORDS = { likely_exploit: "likely exploit", worth_a_look: "worth a look" } as const;

/** Where, what is said when it is pointed at, and what stands in the margin. */
export type LineMark = Pick<Evidence, "line" | "column" | "endLine" | "endColumn"> & {
  kind: "likely_exploit" | "worth_a_look" | "technique";
  text: string;
};

/** The finding's own place, then what led to it. */
export function reviewMarks({ findings, techniques }: Pick<Review, "findings" | "techniques">): LineMark[] {
  return [
    ...findings.flatMap(({ title, severity, sentence, evidence }) =>
      evidence.map(
        ({ line, column, endLine, endColumn }, index): LineMark => ({
          line,
          column,
          endLine,
          endColumn,
          kind: severity,
          text: `${title} (${SEVERITY_WORDS[severity]}${index === 0 ? "" : ": what led to it"}). ${sentence}`,
        }),
      ),
    ),
    ...techniques.flatMap(({ title, places }) =>
      places.map(
        ({ line, column, endLine, endColumn }): LineMark => ({
          line,
          column,
          endLine,
          endColumn,
          kind: "technique",
          text: `Technique: ${title}`,
        }),
      ),
    ),
  ];
}

/** "Noted: an exploit. It skips tokens." */
export function noteText({ verdict, text }: Pick<LineNote, "verdict" | "text">): string {
  const judged = verdict === null ? "Noted" : `Noted: ${VERDICT_WORDS[verdict]}`;
  return text === "" ? judged : `${judged}. ${text}`;
}
