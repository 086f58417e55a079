/** Monaco, loaded when the first file is opened. Everything of it comes from this bundle. */
import "monaco-editor/features/register.all";
import "monaco-editor/languages/definitions/python/register";
import * as monaco from "monaco-editor/editor/editor.api";
import EditorWorker from "monaco-editor/editor/editor.worker?worker";
import type { Fix } from "../../../common/scan.ts";
import { notifyError } from "../../shell/notifications.ts";
import type { Appearance } from "../../shell/theme.ts";
import type { Texts } from "./buffers.ts";
import type { Problem } from "./findings.ts";
import { formatEdits } from "./format.ts";
import { applyFix, markProblems, rangeOf, registerProblemHelp } from "./monaco-problems.ts";

self.MonacoEnvironment = { getWorker: () => new EditorWorker() };

const { KeyCode, KeyMod } = monaco;
// These keys are the window's: simulate, palette, tabs. Monaco's own palette is a command of ours.
monaco.editor.addKeybindingRules([
  { keybinding: KeyMod.CtrlCmd | KeyCode.Enter, command: null },
  { keybinding: KeyCode.F1, command: null },
  { keybinding: KeyMod.Alt | KeyCode.PageDown, command: null },
  { keybinding: KeyMod.Alt | KeyCode.PageUp, command: null },
  // In the field to find by, it stands for whole words.
  { keybinding: KeyMod.Alt | KeyCode.KeyW, command: null, when: "!findInputFocussed" },
]);

const { LF } = monaco.editor.EndOfLinePreference;
monaco.languages.registerDocumentFormattingEditProvider("python", {
  displayName: "Ruff",
  provideDocumentFormattingEdits: (model) =>
    formatEdits(model.getValue(LF)).catch((thrown: unknown) => {
      notifyError(thrown);
      return null;
    }),
});

const THEMES: Record<Appearance, string> = {
  light: "crusader-light",
  dark: "crusader-dark",
  "high-contrast": "hc-black",
};
monaco.editor.defineTheme("crusader-light", {
  base: "vs",
  inherit: true,
  rules: [{ token: "comment", foreground: "59626e" }],
  colors: { "editor.background": "#ffffff", "editorLineNumber.foreground": "#6b7480", focusBorder: "#1c5fb8" },
});
monaco.editor.defineTheme("crusader-dark", {
  base: "vs-dark",
  inherit: true,
  rules: [{ token: "comment", foreground: "9ba4b0" }],
  colors: { "editor.background": "#1a1c20", "editorLineNumber.foreground": "#838c98", focusBorder: "#6ca3e6" },
});

export function applyAppearance(appearance: Appearance): void {
  monaco.editor.setTheme(THEMES[appearance]);
}

const BASE_FONT_SIZE = 13;

export function editorOptions(zoomPercent: number): monaco.editor.IStandaloneEditorConstructionOptions {
  return {
    automaticLayout: true,
    fontFamily: '"JetBrains Mono", ui-monospace, Menlo, Consolas, monospace',
    fontLigatures: false,
    fontSize: (BASE_FONT_SIZE * zoomPercent) / 100,
    minimap: { enabled: false },
    scrollBeyondLastLine: false,
    renderWhitespace: "selection",
    rulers: [120],
    tabSize: 4,
    insertSpaces: true,
    wordBasedSuggestions: "currentDocument",
    fixedOverflowWidgets: true,
    // Nothing is fetched and no link leaves the window.
    links: false,
  };
}

export class MonacoTexts implements Texts {
  readonly #models = new Map<string, { model: monaco.editor.ITextModel; savedVersionId: number }>();
  readonly #onEdit: (id: string) => void;

  constructor(onEdit: (id: string) => void) {
    this.#onEdit = onEdit;
  }

  create(id: string, text: string): void {
    const model = monaco.editor.createModel(text, "python");
    this.#models.set(id, { model, savedVersionId: model.getAlternativeVersionId() });
    model.onDidChangeContent(() => this.#onEdit(id));
  }

  model(id: string): monaco.editor.ITextModel | undefined {
    return this.#models.get(id)?.model;
  }

  read(id: string): string {
    return this.model(id)?.getValue(monaco.editor.EndOfLinePreference.TextDefined, true) ?? "";
  }

  replace(id: string, text: string): void {
    const model = this.model(id);
    if (model === undefined || this.read(id) === text) return;
    model.pushStackElement();
    model.pushEditOperations(null, [{ range: model.getFullModelRange(), text }], () => null);
    model.pushStackElement();
  }

  /**
   * Formats it, as one step that can be undone; nothing changes where somebody types meanwhile. Throws as `formatEdits`
   * does.
   */
  async format(id: string): Promise<void> {
    const model = this.model(id);
    if (model === undefined) return;
    const version = model.getVersionId();
    const edits = await formatEdits(model.getValue(LF));
    if (edits.length === 0 || model.isDisposed() || model.getVersionId() !== version) return;
    model.pushStackElement();
    model.pushEditOperations(null, edits, () => null);
    model.pushStackElement();
  }

  markSaved(id: string): void {
    const entry = this.#models.get(id);
    if (entry !== undefined) entry.savedVersionId = entry.model.getAlternativeVersionId();
  }

  isDirty(id: string): boolean {
    const entry = this.#models.get(id);
    return entry !== undefined && entry.model.getAlternativeVersionId() !== entry.savedVersionId;
  }

  dispose(id: string): void {
    this.model(id)?.dispose();
    this.#models.delete(id);
  }

  /** The buffer whose text this is. */
  idOf(model: monaco.editor.ITextModel): string | undefined {
    return [...this.#models].find(([, entry]) => entry.model === model)?.[0];
  }

  /** Underlines what the scanner found; none removes them. */
  mark(id: string, problems: readonly Problem[]): void {
    const model = this.model(id);
    if (model !== undefined) markProblems(model, problems);
  }

  /** As one step that can be undone. */
  applyFix(id: string, fix: Fix): void {
    const model = this.model(id);
    if (model !== undefined) applyFix(model, fix);
  }
}

export { markProblems, monaco, rangeOf, registerProblemHelp };
