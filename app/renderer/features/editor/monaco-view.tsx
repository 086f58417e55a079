/** One Monaco for all tabs: the text changes, the place in each text is kept. */
import { useEffect, useRef } from "react";
import { useStore } from "zustand";
import { useAppearance } from "../../shell/appearance.ts";
import { useSettings } from "../../shell/settings.ts";
import type { DiffBuffer, DiffSide, EditorBuffer, FileBuffer, ReadOnlyBuffer } from "./buffers.ts";
import { unitColumn } from "./findings.ts";
import { cursor, loadedMonaco } from "./index.ts";
import { applyAppearance, editorOptions, type MonacoTexts, monaco } from "./monaco.ts";

const viewStates = new Map<string, monaco.editor.ICodeEditorViewState>();

/** Told when a read-only text is shown, to put marks on it; what it returns is called when the text goes. */
export type OnShown = (editor: monaco.editor.IStandaloneCodeEditor) => () => void;

export type MonacoViewProps = {
  buffer: EditorBuffer;
  /** False: a part of a page, which the keyboard comes to by itself. */
  takesFocus?: boolean;
  onShown?: OnShown;
};

export default function MonacoView({ buffer, takesFocus = true, onShown }: MonacoViewProps) {
  const appearance = useAppearance();
  const texts = useStore(loadedMonaco, (state) => state.loaded?.texts);
  useEffect(() => applyAppearance(appearance), [appearance]);
  if (texts === undefined) return null;
  if (buffer.kind === "diff") {
    return <DiffView key={buffer.id} buffer={buffer} texts={texts} takesFocus={takesFocus} />;
  }
  return <TextView buffer={buffer} texts={texts} takesFocus={takesFocus} onShown={onShown} />;
}

type TextViewProps = {
  buffer: FileBuffer | ReadOnlyBuffer;
  texts: MonacoTexts;
  takesFocus: boolean;
  onShown: OnShown | undefined;
};

function TextView({ buffer, texts, takesFocus, onShown }: TextViewProps) {
  const host = useRef<HTMLDivElement>(null);
  const editor = useRef<monaco.editor.IStandaloneCodeEditor | null>(null);
  const zoomPercent = useSettings((settings) => settings.zoomPercent);
  const request = useStore(cursor, (state) => state.request);

  useEffect(() => {
    if (host.current === null) return;
    const made = monaco.editor.create(host.current, { ...editorOptions(100), model: null });
    editor.current = made;
    keepLineInSight(made);
    return () => {
      made.dispose();
      editor.current = null;
    };
  }, []);

  useEffect(() => editor.current?.updateOptions(editorOptions(zoomPercent)), [zoomPercent]);

  const readOnlyText = buffer.kind === "readOnly" ? buffer.text : null;
  const { id, title } = buffer;
  useEffect(() => {
    const shown = editor.current;
    if (shown === null) return;
    const own = readOnlyText === null ? null : monaco.editor.createModel(readOnlyText, "python");
    shown.setModel(own ?? texts.model(id) ?? null);
    shown.updateOptions({
      readOnly: own !== null,
      readOnlyMessage: { value: "This is only to look at. Make a file of it to change it." },
    });
    const state = viewStates.get(id);
    if (state !== undefined) shown.restoreViewState(state);
    if (takesFocus) shown.focus();
    const stop = own === null ? undefined : onShown?.(shown);
    return () => {
      stop?.();
      const left = shown.saveViewState();
      if (left !== null) viewStates.set(id, left);
      own?.dispose();
    };
  }, [id, readOnlyText, texts, takesFocus, onShown]);

  // A file that is renamed keeps the keyboard where it is.
  useEffect(() => editor.current?.updateOptions({ ariaLabel: title }), [title]);

  useEffect(() => {
    if (request === null || request.bufferId !== id) return;
    cursor.setState({ request: null });
    const shown = editor.current;
    const model = shown?.getModel();
    if (shown === null || model === null || model === undefined) return;
    const lineNumber = Math.min(request.line, model.getLineCount());
    shown.revealLineInCenter(lineNumber);
    shown.setPosition({ lineNumber, column: unitColumn(model.getLineContent(lineNumber), request.column) });
    shown.focus();
  }, [request, id]);

  return <div ref={host} style={{ height: "100%" }} data-editor="text" />;
}

/** A bar above the text, or a panel below it, takes no room from the line that is being written. */
function keepLineInSight(editor: monaco.editor.IStandaloneCodeEditor): void {
  let { height } = editor.getLayoutInfo();
  editor.onDidLayoutChange((layout) => {
    const before = height;
    height = layout.height;
    const line = editor.getPosition()?.lineNumber;
    if (line === undefined || height >= before) return;
    const top = editor.getTopForLineNumber(line) - editor.getScrollTop();
    if (top >= 0 && top < before) editor.revealLine(line, monaco.editor.ScrollType.Immediate);
  });
}

function DiffView({ buffer, texts, takesFocus }: { buffer: DiffBuffer; texts: MonacoTexts; takesFocus: boolean }) {
  const host = useRef<HTMLDivElement>(null);
  const editor = useRef<monaco.editor.IStandaloneDiffEditor | null>(null);
  const zoomPercent = useSettings((settings) => settings.zoomPercent);
  useEffect(() => {
    if (host.current === null) return;
    const made = monaco.editor.createDiffEditor(host.current, {
      ...editorOptions(100),
      originalEditable: false,
      readOnly: buffer.right.kind === "text",
      renderSideBySideInlineBreakpoint: 700,
    });
    editor.current = made;
    const own: monaco.editor.ITextModel[] = [];
    const modelOf = (side: DiffSide) => {
      const live = side.kind === "buffer" ? texts.model(side.bufferId) : undefined;
      if (live !== undefined) return live;
      const copy = monaco.editor.createModel(side.kind === "text" ? side.text : "", "python");
      own.push(copy);
      return copy;
    };
    made.setModel({ original: modelOf(buffer.left), modified: modelOf(buffer.right) });
    if (takesFocus) made.focus();
    return () => {
      made.setModel(null);
      made.dispose();
      for (const model of own) model.dispose();
      editor.current = null;
    };
  }, [buffer, texts, takesFocus]);
  useEffect(() => {
    // The names with every change of options: without them it forgets them.
    const names = { originalAriaLabel: buffer.left.title, modifiedAriaLabel: buffer.right.title };
    editor.current?.updateOptions({ ...editorOptions(zoomPercent), ...names });
  }, [zoomPercent, buffer]);
  return <div ref={host} style={{ height: "100%" }} data-editor="diff" />;
}
