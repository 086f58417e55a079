/** The editor as the rest of the window uses it: open, compare, save, simulate. */
import { createStore, useStore } from "zustand";
import { originText } from "../../../common/format.ts";
import type { Fix } from "../../../common/scan.ts";
import type { FileReference, SavedDraft } from "../../../common/workspace.ts";
import { client, followStream } from "../../client.ts";
import { asCrusaderError, throughInterruptions } from "../../connection.ts";
import { loadScannerWhenIdle, scanner } from "../../scanner/index.ts";
import { focusPanel } from "../../shell/focus.ts";
import { patiently } from "../../shell/lazily.tsx";
import { notify, notifyError } from "../../shell/notifications.ts";
import { type ShownTarget, selection } from "../../shell/selection.ts";
import { panelSetting, savePanelSetting, settings } from "../../shell/settings.ts";
import { folderName, onListing, openDefaultFolder } from "../workspace/folders.ts";
import { freeName } from "../workspace/names.ts";
import {
  Buffers,
  type BuffersState,
  type DiffSide,
  type FileBuffer,
  type ReadOnlyBuffer,
  type Texts,
} from "./buffers.ts";
import type { Problem } from "./findings.ts";
import { LiveScan } from "./live-scan.ts";
import type * as MonacoModule from "./monaco.ts";
import { editorPanel } from "./panels.ts";

type Loaded = { module: typeof MonacoModule; texts: MonacoModule.MonacoTexts };

/** Null until the first file is opened. */
export const loadedMonaco = createStore<{ loaded: Loaded | null }>(() => ({ loaded: null }));
let loading: Promise<Loaded> | null = null;

function loadMonaco(): Promise<Loaded> {
  loading ??= patiently(() => import("./monaco.ts"))
    .then((module) => {
      const texts = new module.MonacoTexts((id) => {
        buffers.edited(id);
        liveScan.edited(id);
      });
      const loaded = { module, texts };
      module.registerProblemHelp((model) => currentProblems(texts.idOf(model) ?? ""));
      // The next problem may be in another file.
      module.monaco.editor.registerEditorOpener({
        openCodeEditor(editor, resource, place) {
          const model = module.monaco.editor.getModel(resource);
          const id = model === null || model === editor.getModel() ? undefined : texts.idOf(model);
          if (id === undefined) return false;
          revealLine(id, place === undefined ? 1 : "lineNumber" in place ? place.lineNumber : place.startLineNumber);
          return true;
        },
      });
      loadedMonaco.setState({ loaded });
      return loaded;
    })
    .catch((thrown: unknown) => {
      loading = null;
      throw thrown;
    });
  return loading;
}

/** For a panel that shows a text in an editor of its own. */
export async function loadEditor(): Promise<void> {
  await loadMonaco();
}

function loadedTexts(): MonacoModule.MonacoTexts {
  const { loaded } = loadedMonaco.getState();
  if (loaded === null) throw new Error("A file was opened before the editor was there.");
  return loaded.texts;
}

const texts: Texts = {
  create: (id, text) => {
    loadedTexts().create(id, text);
    liveScan.check(id);
  },
  read: (id) => loadedTexts().read(id),
  replace: (id, text) => loadedTexts().replace(id, text),
  markSaved: (id) => loadedTexts().markSaved(id),
  isDirty: (id) => loadedTexts().isDirty(id),
  dispose: (id) => loadedTexts().dispose(id),
};

/** The same after a reload of this window; another in every other window. */
function windowId(): string {
  const key = "crusader.window";
  const known = sessionStorage.getItem(key);
  if (known !== null) return known;
  const made = crypto.randomUUID().slice(0, 8);
  sessionStorage.setItem(key, made);
  return made;
}
const WINDOW_ID = windowId();

export const buffers = new Buffers({
  workspace: client.workspace,
  texts,
  newId: () => `${WINDOW_ID}-${crypto.randomUUID().slice(0, 13)}`,
  onError: (thrown) => notifyError(thrown, "The unsaved text is not kept for a crash."),
  onReloaded: ({ title }) =>
    notify({
      kind: "info",
      title: `${title} changed on the disk`,
      message: "The editor shows the new text. Undo brings the old one back.",
    }),
});

/** What the scanner says about the text of each open file. */
export const liveScan = new LiveScan({
  read: (id) => texts.read(id),
  analyse: (text, signal) => scanner.analyse(text, null, signal),
  onScanned: (id, problems) => loadedTexts().mark(id, problems),
});

/** None while the text is being scanned. */
function currentProblems(id: string): readonly Problem[] {
  const scanned = liveScan.get(id);
  return scanned?.current === true ? scanned.problems : [];
}

export function useBuffers<Part>(pick: (state: BuffersState) => Part): Part {
  return useStore(buffers.state, pick);
}

/** Opens the editor panel; set by the window, which knows the panels. */
let reveal: () => void = () => undefined;
export function onEditorNeeded(open: () => void): void {
  reveal = open;
}

export async function openFile(file: FileReference): Promise<void> {
  reveal();
  await loadMonaco();
  const before = buffers.active?.id;
  const { id } = await buffers.openFile(file);
  // A text that comes to the front takes the keyboard itself.
  if (id === before) focusPanel(editorPanel.id);
}

/** What a run judged, read-only, with its origin in the tab. */
export async function openRunSource(runId: string, line?: number): Promise<void> {
  reveal();
  const [{ text, origin }] = await Promise.all([client.runs.source({ runId }), loadMonaco()]);
  const id = `run:${runId}`;
  const target = { kind: "run" as const, runId };
  const shown =
    origin === null
      ? { title: `run ${runId}`, origin: `judged by run ${runId}` }
      : { title: `run ${runId} (imported)`, origin: `another's code, judged by run ${runId}, ${originText(origin)}` };
  buffers.openReadOnly({ id, ...shown, text, target });
  if (line !== undefined) revealLine(id, line);
}

export async function openTemplate(name: string): Promise<void> {
  reveal();
  const [{ text }] = await Promise.all([client.workspace.readTemplate({ name }), loadMonaco()]);
  buffers.openReadOnly({
    id: `template:${name}`,
    title: `${name}.py`,
    origin: "template",
    text,
    target: { kind: "template", name },
  });
}

/** A file of one's own with the same text, in Crusader's folder. */
export async function copyToFile({ title, text, target }: ReadOnlyBuffer): Promise<void> {
  const { id: folderId } = await openDefaultFolder();
  const taken = (await client.workspace.list({ folderId })).files.map(({ name }) => name);
  const wanted = target.kind === "run" ? `train_run${target.runId}.py` : `train_${title}`;
  const name = freeName(wanted, taken);
  await client.workspace.write({ folderId, name, text, expectedVersion: null });
  await openFile({ folderId, name });
}

export type Comparable =
  | { kind: "file"; file: FileReference }
  | { kind: "run"; runId: string }
  | { kind: "buffer"; id: string }
  | { kind: "text"; text: string; title: string };

/** Shows two texts beside each other: files (as they are in the editor), what runs judged, others' code, or a mix. */
export async function openDiff(left: Comparable, right: Comparable): Promise<void> {
  reveal();
  await loadMonaco();
  const [leftSide, rightSide] = await Promise.all([sideOf(left), sideOf(right)]);
  buffers.openDiff(leftSide, rightSide);
}

async function sideOf(side: Comparable): Promise<DiffSide> {
  if (side.kind === "text") return side;
  if (side.kind === "run") {
    const { text } = await client.runs.source({ runId: side.runId });
    return { kind: "text", text, title: `run ${side.runId}` };
  }
  const open = side.kind === "buffer" ? buffers.files.find(({ id }) => id === side.id) : buffers.bufferOf(side.file);
  if (open !== undefined) return { kind: "buffer", bufferId: open.id, title: open.title };
  if (side.kind === "buffer") throw new Error("The tab is closed.");
  const { text } = await client.workspace.read(side.file);
  return { kind: "text", text, title: side.file.name };
}

/** What is on the disk beside what the tab holds. */
export function compareWithDisk(buffer: FileBuffer): void {
  if (buffer.external?.kind !== "changed") return;
  buffers.openDiff(
    { kind: "text", text: buffer.external.text, title: `${buffer.title} on the disk` },
    { kind: "buffer", bufferId: buffer.id, title: buffer.title },
  );
}

/** `column` in code points. */
type CursorRequest = { bufferId: string; line: number; column: number };
export const cursor = createStore<{ request: CursorRequest | null }>(() => ({ request: null }));
/** Shows a place of an open tab, from 1. */
export function revealLine(bufferId: string, line: number, column = 1): void {
  buffers.activate(bufferId);
  cursor.setState({ request: { bufferId, line, column } });
}

/** Goes to a problem, wherever the window is. */
export function revealProblem(bufferId: string, { line, column }: Problem): void {
  reveal();
  revealLine(bufferId, line, column);
}

/** Mends a problem as the text is now, as one step that can be undone. Nothing where the text changed meanwhile. */
export function applyFix(bufferId: string, fix: Fix): void {
  if (liveScan.get(bufferId)?.current === true) loadedTexts().applyFix(bufferId, fix);
}

/** The active tab when it is a file. */
export function activeFile(): FileBuffer | null {
  const { active } = buffers;
  return active?.kind === "file" ? active : null;
}

/** What the tab in front holds of a file, as it stands there; null where it holds none. */
export function activeText(): { title: string; text: string } | null {
  const buffer = activeFile();
  return buffer === null ? null : { title: buffer.title, text: texts.read(buffer.id) };
}

/** False: the file changed on the disk meanwhile, and the editor asks what to do. */
export async function saveActive(): Promise<boolean> {
  const buffer = activeFile();
  if (buffer === null) return false;
  return saveFormatted(buffer.id);
}

export async function saveAll(): Promise<void> {
  for (const { id, dirty } of buffers.files) if (dirty) await saveFormatted(id);
}

export async function formatActive(): Promise<void> {
  const buffer = activeFile();
  if (buffer !== null) await loadedTexts().format(buffer.id);
}

/** Saves, and formats before where the person wants that and nothing else is wrong. */
async function saveFormatted(id: string): Promise<boolean> {
  const buffer = buffers.get(id);
  const isWanted = settings.getState().current?.formatOnSave === true;
  if (isWanted && buffer?.kind === "file" && buffer.dirty && buffer.external === null) {
    await loadedTexts()
      .format(id)
      .catch((thrown: unknown) => {
        // What is no Python yet is saved as it is; the scanner names the place.
        if (asCrusaderError(thrown).code !== "usage") notifyError(thrown);
      });
  }
  return buffers.save(id);
}

/** Closes a tab; what was unsaved in it can be brought back. */
export function closeTab(id: string): void {
  const buffer = buffers.get(id);
  if (buffer === undefined) return;
  if (buffer.kind === "file" && buffer.dirty) {
    const { file, title, baseVersion } = buffer;
    const draft: SavedDraft = { id, file, title, text: texts.read(id), baseVersion, savedAt: new Date().toISOString() };
    notify({
      kind: "warning",
      title: `${title} was closed without saving`,
      key: `closed:${id}`,
      timeoutMs: 60_000,
      actions: [{ label: "Bring it back", run: () => buffers.recover(draft) }],
    });
  }
  buffers.close(id);
  liveScan.forget(id);
}

/** What a tab holds as it is now; null for a comparison, and where there is no such tab. */
export function textOf(id: string): string | null {
  const buffer = buffers.get(id);
  if (buffer === undefined || buffer.kind === "diff") return null;
  return buffer.kind === "file" ? texts.read(id) : buffer.text;
}

/** Saves what the tab holds; what could not be saved is judged as it is in the editor. */
async function refreshTarget(id: string): Promise<ShownTarget> {
  const buffer = buffers.get(id);
  if (buffer?.kind === "file" && buffer.dirty && buffer.external === null) await saveFormatted(id);
  const target = targetOf(id);
  if (target === null) throw new Error("The tab was closed.");
  return target;
}

function targetOf(id: string): ShownTarget | null {
  const buffer = buffers.get(id);
  if (buffer?.kind === "readOnly") return { target: buffer.target, title: buffer.title, origin: buffer.origin };
  if (buffer?.kind !== "file") return null;
  const { file, title, dirty } = buffer;
  const shown = { title, origin: folderName(file.folderId), refresh: () => refreshTarget(id) };
  if (!dirty) return { ...shown, target: { kind: "file", file } };
  return { ...shown, target: { kind: "text", name: title, text: texts.read(id), file } };
}

/** Scans the active file now. */
export function checkActive(): void {
  const buffer = activeFile();
  if (buffer !== null) liveScan.check(buffer.id);
}

/** What the active file is on the disk. */
function versionOf({ buffers: open, activeId }: BuffersState): string | null {
  const active = open.find(({ id }) => id === activeId);
  return active?.kind === "file" ? active.baseVersion : null;
}

const PANEL_SETTING = "editor";

/** Brings back the tabs and unsaved texts of the last time, and keeps all of it up to date. */
export function startEditor(): () => void {
  const stops = [
    loadScannerWhenIdle(),
    followStream((signal) => client.scan.watchPolicy(undefined, { signal }), {
      onItem(rules) {
        // The window has the built-in rules itself.
        if (scanner.setPolicy(rules.origin === "built-in" ? null : JSON.stringify(rules.policy))) liveScan.checkAll();
      },
      // Without them it goes on by those it has.
      onError: (thrown) => notifyError(thrown, "The rules in force are not known here."),
    }),
    onListing((folderId, listing) => {
      buffers.listed(folderId, listing).catch((thrown: unknown) => notifyError(thrown));
    }),
    buffers.state.subscribe((state, before) => {
      saveTabs();
      const { activeId } = state;
      if (activeId === before.activeId && versionOf(state) === versionOf(before)) return;
      // The panel that judges follows the tab; the text itself is read when it starts.
      const shown = activeId === null ? null : targetOf(activeId);
      const isComparison = activeId !== null && shown === null;
      if (!isComparison) selection.setState({ target: shown });
    }),
  ];
  const onHide = () => {
    buffers.saveDrafts().catch(() => undefined);
  };
  document.addEventListener("visibilitychange", onHide);
  window.addEventListener("pagehide", onHide);
  restoreTabs().catch((thrown: unknown) => notifyError(thrown));
  return () => {
    for (const stop of stops) stop();
    document.removeEventListener("visibilitychange", onHide);
    window.removeEventListener("pagehide", onHide);
  };
}

let savedTabs = "";
let restored = false;
function saveTabs(): void {
  if (!restored) return;
  const active = activeFile()?.file ?? null;
  const tabs = { files: buffers.files.map(({ file }) => file), active };
  const text = JSON.stringify(tabs);
  if (text === savedTabs) return;
  savedTabs = text;
  savePanelSetting(PANEL_SETTING, tabs);
}

async function restoreTabs(): Promise<void> {
  try {
    const saved = panelSetting(PANEL_SETTING) as { files?: FileReference[]; active?: FileReference | null } | undefined;
    const drafts = await throughInterruptions(() => client.workspace.drafts());
    const own = drafts.filter(({ id }) => id.startsWith(`${WINDOW_ID}-`));
    const files = Array.isArray(saved?.files) ? saved.files : [];
    if (files.length === 0 && drafts.length === 0) return;
    if (files.length > 0 || own.length > 0) await loadMonaco();
    for (const file of files) {
      // A file that is gone is no longer a tab; its draft is still offered.
      await throughInterruptions(() => buffers.openFile(file)).catch((thrown: unknown) => {
        if (!["not_found", "access_denied", "usage"].includes(asCrusaderError(thrown).code)) throw thrown;
      });
    }
    for (const draft of own) await throughInterruptions(() => buffers.recover(draft));
    if (saved?.active != null) {
      const active = buffers.bufferOf(saved.active);
      if (active !== undefined) buffers.activate(active.id);
    }
    offer(drafts.filter((draft) => !own.includes(draft)));
  } finally {
    restored = true;
  }
}

function offer(drafts: readonly SavedDraft[]): void {
  if (drafts.length === 0) return;
  const names = drafts.map(({ title }) => title).join(", ");
  notify({
    kind: "warning",
    title: drafts.length === 1 ? `${names} was not saved last time` : `${drafts.length} files were not saved last time`,
    message: drafts.length === 1 ? "Its text was kept." : `Their texts were kept: ${names}.`,
    key: "drafts",
    actions: [
      {
        label: "Restore",
        run: async () => {
          reveal();
          await loadMonaco();
          for (const draft of drafts) await buffers.recover(draft);
        },
      },
      {
        label: "Discard",
        run: async () => {
          for (const { id } of drafts) await client.workspace.discardDraft({ id });
        },
      },
    ],
  });
}
