/** Problems in Monaco: underlined where they are, explained under the cursor, mended by its quick fixes. */
import * as monaco from "monaco-editor/editor/editor.api";
import { RULE_HELP } from "../../../common/rules.ts";
import type { Fix } from "../../../common/scan.ts";
import { adviceHelp } from "./advice-help.ts";
import { type Problem, type ProblemKind, STANDING_WORDS, unitColumn } from "./findings.ts";

/** Each kind is an owner of its own, so that advice is never taken for a rejection. */
const OWNERS: Record<ProblemKind, string> = {
  rejection: "crusader scan",
  lint: "crusader advice",
  hint: "crusader hint",
  note: "crusader note",
};
const SEVERITIES: Record<ProblemKind, monaco.MarkerSeverity> = {
  rejection: monaco.MarkerSeverity.Error,
  lint: monaco.MarkerSeverity.Warning,
  // Marked so that it can be seen; F8 passes it by.
  hint: monaco.MarkerSeverity.Hint,
  note: monaco.MarkerSeverity.Info,
};
const SOURCES: Record<ProblemKind, string> = { rejection: "scan", lint: "advice", hint: "hint", note: "note" };
/** More underlines help nobody and cost time in the window's own thread. */
const MAX_MARKERS = 500;

type Place = { line: number; column: number; endLine: number; endColumn: number };

/** Columns in code points become the editor's; what lies outside of the text ends where it does. */
export function rangeOf(model: monaco.editor.ITextModel, { line, column, endLine, endColumn }: Place): monaco.IRange {
  const start = Math.min(Math.max(1, line), model.getLineCount());
  const end = Math.min(Math.max(start, endLine), model.getLineCount());
  return {
    startLineNumber: start,
    startColumn: unitColumn(model.getLineContent(start), column),
    endLineNumber: end,
    endColumn: unitColumn(model.getLineContent(end), endColumn),
  };
}

const stopMarks = new WeakMap<monaco.editor.ITextModel, string[]>();

/** Underlines these instead of those before. What is about no line is told above the text. */
export function markProblems(model: monaco.editor.ITextModel, problems: readonly Problem[]): void {
  const shown = problems.filter(({ isOfWholeFile }) => !isOfWholeFile).slice(0, MAX_MARKERS);
  for (const kind of ["rejection", "lint", "hint", "note"] as const) {
    const markers = shown
      .filter((problem) => problem.kind === kind)
      .map((problem) => ({
        severity: SEVERITIES[kind],
        ...rangeOf(model, problem),
        message: problem.standing === null ? problem.message : `${problem.message} ${STANDING_WORDS[problem.standing]}`,
        source: SOURCES[kind],
        code: problem.rule,
      }));
    monaco.editor.setModelMarkers(model, OWNERS[kind], markers);
  }
  const stop = shown.find(({ standing }) => standing === "stops");
  const decorations = stop === undefined ? [] : [stopDecoration(model, stop)];
  stopMarks.set(model, model.deltaDecorations(stopMarks.get(model) ?? [], decorations));
}

/** Words behind the line: the one place that decides is seen without pointing at anything. */
function stopDecoration(model: monaco.editor.ITextModel, { line }: Problem): monaco.editor.IModelDeltaDecoration {
  const lineNumber = Math.min(Math.max(1, line), model.getLineCount());
  const column = model.getLineMaxColumn(lineNumber);
  return {
    range: { startLineNumber: lineNumber, startColumn: column, endLineNumber: lineNumber, endColumn: column },
    options: {
      after: { content: "  \u2190 production stops here", inlineClassName: "crusader-stops-here" },
      showIfCollapsed: true,
    },
  };
}

/** As one step that can be undone. */
export function applyFix(model: monaco.editor.ITextModel, { edits }: Fix): void {
  model.pushStackElement();
  model.pushEditOperations(null, editsOf(model, edits), () => null);
  model.pushStackElement();
}

function editsOf(model: monaco.editor.ITextModel, edits: Fix["edits"]) {
  return edits.map((edit) => ({ range: rangeOf(model, edit), text: edit.text }));
}

/** `problemsAt` gives what is known about a text as it is now; nothing while it is being scanned. */
export function registerProblemHelp(problemsAt: (model: monaco.editor.ITextModel) => readonly Problem[]): void {
  monaco.languages.registerHoverProvider("python", {
    async provideHover(model, position) {
      const here = problemsAt(model).filter(
        (problem) => !problem.isOfWholeFile && monaco.Range.containsPosition(rangeOf(model, problem), position),
      );
      const isAdvice = ({ kind }: Problem) => kind === "lint" || kind === "hint";
      const advice = here.some(isAdvice) ? await adviceHelp() : null;
      const texts = here.flatMap((problem) => {
        const { rule } = problem;
        const help = RULE_HELP[rule];
        if (isAdvice(problem)) return [`**${rule}** (docs/lints.md)\n\n${advice?.get(rule) ?? ""}`];
        return help === undefined ? [] : [helpText(rule, help)];
      });
      return texts.length === 0 ? null : { contents: [...new Set(texts)].map((value) => ({ value })) };
    },
  });
  monaco.languages.registerCodeActionProvider(
    "python",
    {
      provideCodeActions(model, range, context) {
        const mended = problemsAt(model).filter(
          (problem) =>
            problem.fixes.length > 0 && monaco.Range.areIntersectingOrTouching(rangeOf(model, problem), range),
        );
        const actions = mended.flatMap((problem) =>
          problem.fixes.map((fix) => {
            const start = rangeOf(model, problem);
            const isOf = (marker: monaco.editor.IMarkerData) =>
              marker.code === problem.rule &&
              marker.startLineNumber === start.startLineNumber &&
              marker.startColumn === start.startColumn;
            return {
              title: fix.title,
              kind: "quickfix",
              isPreferred: true,
              diagnostics: context.markers.filter(isOf),
              edit: {
                edits: editsOf(model, fix.edits).map((textEdit) => ({
                  resource: model.uri,
                  versionId: model.getVersionId(),
                  textEdit,
                })),
              },
            };
          }),
        );
        return { actions, dispose: () => undefined };
      },
    },
    { providedCodeActionKinds: ["quickfix"] },
  );
}

function helpText(rule: string, { protects, instead, rejected, allowed }: (typeof RULE_HELP)[string]): string {
  const code = (text: string) => `\`\`\`python\n${text.trimEnd()}\n\`\`\``;
  return [
    `**${rule}** protects: ${protects}`,
    `Instead: ${instead}`,
    `Rejected:\n${code(rejected)}`,
    `Passes:\n${code(allowed)}`,
  ].join("\n\n");
}
