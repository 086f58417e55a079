/** Another's code in Monaco, to look at: with what was found and noted at its lines. */
import { useCallback, useEffect, useState } from "react";
import { useStore } from "zustand";
import type { Inspection, LineNote } from "../../../../common/arena-review.ts";
import { loadedAtOnce } from "../../../shell/lazily.tsx";
import { notifyError } from "../../../shell/notifications.ts";
import { Loading } from "../../../shell/ui/states.tsx";
import type { DiffBuffer, ReadOnlyBuffer } from "../../editor/buffers.ts";
import { problemsOf } from "../../editor/findings.ts";
import { loadEditor, loadedMonaco } from "../../editor/index.ts";
import type { OnShown } from "../../editor/monaco-view.tsx";
import { type LineMark, noteText, reviewMarks } from "./line-marks.ts";

const LOADING = "Loading the editor";
const MonacoView = loadedAtOnce(() => import("../../editor/monaco-view.tsx"), LOADING);

/** More marks help nobody and cost time in the window's own thread. */
const MAX_MARKS = 500;
const OWNER = "crusader review";

export type CodeViewProps = {
  buffer: ReadOnlyBuffer;
  inspection: Inspection | null;
  notes: readonly LineNote[];
  /** Where the keyboard is in it. */
  onLine: (line: number) => void;
  /** Somebody wants to write something to this line. Both stay the same. */
  onNote: (line: number) => void;
};

export function CodeView({ buffer, inspection, notes, onLine, onNote }: CodeViewProps) {
  const [editor, setEditor] = useState<Parameters<OnShown>[0] | null>(null);
  const onShown = useCallback<OnShown>(
    (shown) => {
      const { monaco } = loadedModule();
      // It is to be reviewed: underlined though it cannot be changed here.
      shown.updateOptions({ glyphMargin: true, renderValidationDecorations: "on" });
      setEditor(shown);
      const { GUTTER_GLYPH_MARGIN, GUTTER_LINE_NUMBERS } = monaco.editor.MouseTargetType;
      const listeners = [
        shown.onDidChangeCursorPosition(({ position }) => onLine(position.lineNumber)),
        shown.onMouseDown(({ target: { type, position } }) => {
          const isMargin = type === GUTTER_GLYPH_MARGIN || type === GUTTER_LINE_NUMBERS;
          if (isMargin && position !== null) onNote(position.lineNumber);
        }),
        shown.addAction({
          id: "crusader.noteLine",
          label: "Note this line",
          contextMenuGroupId: "navigation",
          run: () => onNote(shown.getPosition()?.lineNumber ?? 1),
        }),
      ];
      return () => {
        for (const listener of listeners) listener.dispose();
        setEditor(null);
      };
    },
    [onLine, onNote],
  );

  useEffect(() => {
    const model = editor?.getModel();
    if (model === null || model === undefined || inspection === null) return;
    const { markProblems, monaco, rangeOf } = loadedModule();
    // Advice and notes are for the author.
    markProblems(model, problemsOf({ ...inspection.analysis, lints: [], cudaNeeds: [] }));
    const { Hint, Info, Warning } = monaco.MarkerSeverity;
    const severities = { likely_exploit: Warning, worth_a_look: Info, technique: Hint };
    const marks = reviewMarks(inspection.review).slice(0, MAX_MARKS);
    monaco.editor.setModelMarkers(
      model,
      OWNER,
      marks.map((mark) => ({
        ...rangeOf(model, mark),
        severity: severities[mark.kind],
        message: mark.text,
        source: "review",
      })),
    );
  }, [editor, inspection]);

  useEffect(() => {
    const model = editor?.getModel();
    if (editor === null || model === null || model === undefined) return;
    const { monaco } = loadedModule();
    const lineCount = model.getLineCount();
    const marks = inspection === null ? [] : reviewMarks(inspection.review).slice(0, MAX_MARKS);
    const glyphs = new Map<number, LineMark["kind"]>();
    for (const { line, kind } of marks) {
      if (kind !== "technique" && glyphs.get(line) !== "likely_exploit") glyphs.set(line, kind);
    }
    const decorations = editor.createDecorationsCollection([
      ...[...glyphs].map(([line, kind]) => ({
        range: new monaco.Range(Math.min(line, lineCount), 1, Math.min(line, lineCount), 1),
        options: { glyphMarginClassName: `crusader-review-mark crusader-review-${kind}` },
      })),
      ...notes
        .filter(({ line }) => line <= lineCount)
        .map((note) => ({
          range: new monaco.Range(note.line, 1, note.line, 1),
          options: {
            isWholeLine: true,
            className: "crusader-noted-line",
            linesDecorationsClassName: "crusader-noted-mark",
            // The reader's own words, which are to be no links or pictures.
            hoverMessage: { value: `\`\`\`text\n${noteText(note).replaceAll("`", "'")}\n\`\`\`` },
          },
        })),
    ]);
    return () => decorations.clear();
  }, [editor, inspection, notes]);

  return <InMonaco buffer={buffer} onShown={onShown} />;
}

export function InMonaco({ buffer, onShown }: { buffer: ReadOnlyBuffer | DiffBuffer; onShown?: OnShown }) {
  const isLoaded = useStore(loadedMonaco, (state) => state.loaded !== null);
  useEffect(() => {
    loadEditor().catch((thrown: unknown) => notifyError(thrown));
  }, []);
  if (!isLoaded) return <Loading what={LOADING} />;
  return <MonacoView buffer={buffer} takesFocus={false} {...(onShown === undefined ? {} : { onShown })} />;
}

/** Only where an editor is shown already. */
function loadedModule() {
  const { loaded } = loadedMonaco.getState();
  if (loaded === null) throw new Error("A text was shown before the editor was there.");
  return loaded.module;
}
