/** What the scanner found, as the editor shows it. */
import { formatInteger } from "../../../common/format.ts";
import type { Analysis, Finding, Fix } from "../../../common/scan.ts";

/**
 * `rejection`: production would reject the file for it. `lint`: advice on what will go wrong. `hint`: advice on a choice,
 * which is no mistake. `note`: what a rehearsal on a CPU cannot run. Only the first kind is ever part of the verdict.
 */
export type ProblemKind = "rejection" | "lint" | "hint" | "note";

/** Lints about what is a choice. */
const CHOICES: ReadonlySet<string> = new Set(["gradient-checkpointing"]);

/** Those that are to be mended: what is a choice or only of this machine is none. */
export const isCounted = ({ kind }: Pick<Problem, "kind">): boolean => kind === "rejection" || kind === "lint";

export const problemsText = (count: number): string =>
  `${formatInteger(count)} ${count === 1 ? "problem" : "problems"}`;

export type Problem = Finding & {
  /** Among those of one analysis. */
  id: string;
  kind: ProblemKind;
  /** Where production stops, what it would say next once that is repaired, and what it does not reach; null but for rejections. */
  standing: "stops" | "next" | "later" | null;
  /** It is about no line: something is missing, or nothing of the file can be read. */
  isOfWholeFile: boolean;
  fixes: readonly Fix[];
};

export const STANDING_WORDS = {
  stops: "Production stops here.",
  next: "Would be next.",
  later: "Not reached.",
} as const;

/** The scanner's empty range, where it has no place to name. */
const isStart = ({ line, column, endLine, endColumn }: Finding) =>
  line === 1 && column === 1 && endLine === 1 && endColumn === 1;

/** Rejections in production's order, then lints and notes by line. */
export function problemsOf({ verdict, findings, lints, cudaNeeds, fixes }: Analysis): Problem[] {
  const stop = verdict.ok ? -1 : findings.findIndex(({ line, rule }) => line === verdict.line && rule === verdict.rule);
  // Without a line in the verdict, the first finding is it all the same.
  const stopIndex = verdict.ok ? -1 : Math.max(0, stop);
  const fixesOf = ({ rule, line, column }: Finding) =>
    fixes.filter((fix) => fix.rule === rule && fix.line === line && fix.column === column);
  const shown = (finding: Finding, kind: ProblemKind, index: number, standing: Problem["standing"]): Problem => ({
    ...finding,
    id: `${kind}:${index}`,
    kind,
    standing,
    isOfWholeFile: isStart(finding),
    fixes: fixesOf(finding),
  });
  const byLine = (left: { line: number }, right: { line: number }) => left.line - right.line;
  return [
    ...findings.map((finding, index) =>
      shown(finding, "rejection", index, index === stopIndex ? "stops" : index === stopIndex + 1 ? "next" : "later"),
    ),
    ...lints.toSorted(byLine).map((lint, index) => shown(lint, CHOICES.has(lint.rule) ? "hint" : "lint", index, null)),
    ...cudaNeeds.toSorted(byLine).map(({ line, what }, index) => {
      const message = `This line ${what}, which needs CUDA: a rehearsal on a CPU cannot run it.`;
      const place = { line, column: 1, endLine: line, endColumn: Number.MAX_SAFE_INTEGER };
      return shown({ rule: "needs-cuda", message, ...place }, "note", index, null);
    }),
  ];
}

/** "stops at line 12", as the command line says it. */
export function verdictWords({ verdict: { ok, line, rule } }: Pick<Analysis, "verdict">): string {
  if (ok) return "passes";
  return line === null ? `stops: ${rule}` : `stops at line ${line}`;
}

export type ProblemFilter = { text: string; kinds: readonly ProblemKind[] };

/** Those whose message, rule or line has every word. */
export function filteredProblems(problems: readonly Problem[], { text, kinds }: ProblemFilter): Problem[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return problems.filter(({ kind, message, rule, line }) => {
    const content = `${message} ${rule} line ${line}`.toLowerCase();
    return kinds.includes(kind) && words.every((word) => content.includes(word));
  });
}

/** The scanner counts columns in code points, Monaco in UTF-16 units. */
export function unitColumn(line: string, column: number): number {
  let units = 0;
  let points = 1;
  for (const character of line) {
    if (points >= column) break;
    units += character.length;
    points += 1;
  }
  return units + 1;
}
