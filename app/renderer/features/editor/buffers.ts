/**
 * The open tabs: what each holds, whether it is saved, and what happened to its file meanwhile. The texts themselves
 * live in the editor; here they are read and replaced through `Texts`, so that all of this runs without a browser.
 */
import { createStore, type StoreApi } from "zustand/vanilla";
import type { Client } from "../../../common/contract.ts";
import type { Target } from "../../../common/simulation.ts";
import type { Draft, FileContent, FileReference, Listing, SavedDraft } from "../../../common/workspace.ts";
import { asCrusaderError } from "../../connection.ts";

/** What happened to the file while the tab holds other text. */
export type ExternalChange = { kind: "changed"; text: string; version: string } | { kind: "deleted" };

export type FileBuffer = {
  kind: "file";
  /** Also the id of its draft. */
  id: string;
  file: FileReference;
  title: string;
  /** Version of the file that the text began from; null where there is none on the disk. */
  baseVersion: string | null;
  /** What a listing said when the file was last read; another one means: read again. */
  seen: { bytes: number; modifiedMs: number } | null;
  dirty: boolean;
  saving: boolean;
  external: ExternalChange | null;
};

/** One side of a comparison. */
export type DiffSide =
  | { kind: "buffer"; bufferId: string; title: string }
  | { kind: "text"; text: string; title: string };

export type DiffBuffer = { kind: "diff"; id: string; title: string; left: DiffSide; right: DiffSide };

/** Code that is only shown: what a run judged, or a template. Its origin is in the tab. */
export type ReadOnlyBuffer = {
  kind: "readOnly";
  id: string;
  title: string;
  origin: string;
  text: string;
  /** What is judged when it is simulated. */
  target: Target;
};

export type EditorBuffer = FileBuffer | DiffBuffer | ReadOnlyBuffer;

export type BuffersState = { buffers: readonly EditorBuffer[]; activeId: string | null };

/** The texts of file buffers, by the buffer's id. */
export type Texts = {
  create: (id: string, text: string) => void;
  read: (id: string) => string;
  /** As one step that can be undone. */
  replace: (id: string, text: string) => void;
  /** The text as it is now counts as saved. */
  markSaved: (id: string) => void;
  /** Whether it differs from what was last marked as saved. */
  isDirty: (id: string) => boolean;
  dispose: (id: string) => void;
};

type WorkspaceClient = Pick<Client["workspace"], "read" | "write" | "saveDraft" | "discardDraft">;

export type BuffersOptions = {
  workspace: WorkspaceClient;
  texts: Texts;
  /** Unique among all windows. */
  newId: () => string;
  onError: (thrown: unknown) => void;
  /** A clean buffer took over what changed on the disk. */
  onReloaded: (buffer: FileBuffer) => void;
  /** Between a key press and the draft on the disk. */
  draftAfterMs?: number;
};

export class Buffers {
  readonly state: StoreApi<BuffersState> = createStore<BuffersState>(() => ({ buffers: [], activeId: null }));
  readonly #options: Required<BuffersOptions>;
  readonly #draftTimers = new Map<string, ReturnType<typeof setTimeout>>();
  /** The newest save of a tab: one that is asked for meanwhile comes behind it. */
  readonly #saves = new Map<string, Promise<boolean>>();
  /** Opening twice at once gives one tab. */
  readonly #opening = new Map<string, Promise<FileBuffer>>();

  constructor(options: BuffersOptions) {
    this.#options = { draftAfterMs: 1000, ...options };
  }

  get(id: string): EditorBuffer | undefined {
    return this.state.getState().buffers.find((buffer) => buffer.id === id);
  }

  get active(): EditorBuffer | undefined {
    const { buffers, activeId } = this.state.getState();
    return buffers.find(({ id }) => id === activeId);
  }

  get files(): FileBuffer[] {
    return this.state.getState().buffers.filter((buffer) => buffer.kind === "file");
  }

  activate(id: string): void {
    if (this.get(id) !== undefined) this.state.setState({ activeId: id });
  }

  /** The tab after the active one, or before it. */
  step(direction: 1 | -1): void {
    const { buffers, activeId } = this.state.getState();
    const index = buffers.findIndex(({ id }) => id === activeId);
    const next = buffers[(index + direction + buffers.length) % buffers.length];
    if (next !== undefined) this.activate(next.id);
  }

  /** Shows a file; reads it where it is not open yet. */
  async openFile(file: FileReference): Promise<FileBuffer> {
    const key = `${file.folderId}/${file.name}`;
    const opening = this.#opening.get(key) ?? this.#read(file);
    this.#opening.set(key, opening);
    try {
      const buffer = await opening;
      this.activate(buffer.id);
      return buffer;
    } finally {
      this.#opening.delete(key);
    }
  }

  async #read(file: FileReference): Promise<FileBuffer> {
    const open = this.bufferOf(file);
    if (open !== undefined) return open;
    return this.#addFile(this.#options.newId(), file, await this.#options.workspace.read(file));
  }

  bufferOf({ folderId, name }: FileReference): FileBuffer | undefined {
    return this.files.find(({ file }) => file.folderId === folderId && file.name === name);
  }

  /** Shows an unsaved text of an earlier session; what its file holds now is not lost. */
  async recover({ id, file, text, baseVersion }: SavedDraft): Promise<void> {
    if (file === null) return;
    let content: FileContent | null = null;
    try {
      content = await this.#options.workspace.read(file);
    } catch (thrown) {
      if (asCrusaderError(thrown).code !== "not_found") throw thrown;
    }
    const buffer = this.bufferOf(file) ?? this.#addFile(id, file, content ?? { text: "", version: null });
    this.#options.texts.replace(buffer.id, text);
    const moved = content !== null && content.version !== baseVersion;
    const external: ExternalChange | null =
      content === null
        ? { kind: "deleted" }
        : moved
          ? { kind: "changed", text: content.text, version: content.version }
          : null;
    this.#change(buffer.id, { external, dirty: this.#options.texts.isDirty(buffer.id) || content === null });
    this.activate(buffer.id);
    await this.#saveDraft(buffer.id, buffer.id === id ? undefined : id);
  }

  #addFile(id: string, file: FileReference, content: FileContent | { text: string; version: null }): FileBuffer {
    this.#options.texts.create(id, content.text);
    const buffer: FileBuffer = {
      kind: "file",
      id,
      file,
      title: file.name.split("/").at(-1) ?? file.name,
      baseVersion: content.version,
      seen: "bytes" in content ? { bytes: content.bytes, modifiedMs: content.modifiedMs } : null,
      dirty: false,
      saving: false,
      external: null,
    };
    this.state.setState(({ buffers }) => ({ buffers: [...buffers, buffer] }));
    return buffer;
  }

  /** Shows two texts beside each other. */
  openDiff(left: DiffSide, right: DiffSide): void {
    const id = `diff:${left.title}:${right.title}`;
    const buffer: DiffBuffer = { kind: "diff", id, title: `${left.title} \u2194 ${right.title}`, left, right };
    this.#putAndActivate(buffer);
  }

  openReadOnly(buffer: Omit<ReadOnlyBuffer, "kind">): void {
    this.#putAndActivate({ kind: "readOnly", ...buffer });
  }

  #putAndActivate(buffer: EditorBuffer): void {
    this.state.setState(({ buffers }) => {
      const known = buffers.some(({ id }) => id === buffer.id);
      return {
        buffers: known ? buffers.map((other) => (other.id === buffer.id ? buffer : other)) : [...buffers, buffer],
        activeId: buffer.id,
      };
    });
  }

  /** The text was edited. */
  edited(id: string): void {
    const buffer = this.#fileBuffer(id);
    if (buffer === undefined) return;
    const dirty = this.#options.texts.isDirty(id) || buffer.baseVersion === null;
    if (dirty !== buffer.dirty) this.#change(id, { dirty });
    // Counted from the first key: who types without a pause is covered as well.
    if (this.#draftTimers.has(id)) return;
    this.#draftTimers.set(
      id,
      setTimeout(() => {
        this.#draftTimers.delete(id);
        this.#saveDraft(id).catch(this.#options.onError);
      }, this.#options.draftAfterMs),
    );
  }

  /** Saves what is unsaved as drafts at once: the window is about to go. */
  async saveDrafts(): Promise<void> {
    const waiting = [...this.#draftTimers];
    this.#draftTimers.clear();
    for (const [, timer] of waiting) clearTimeout(timer);
    await Promise.all(waiting.map(([id]) => this.#saveDraft(id)));
  }

  async #saveDraft(id: string, replacedId?: string): Promise<void> {
    const buffer = this.#fileBuffer(id);
    if (buffer === undefined) return;
    const { workspace, texts } = this.#options;
    if (!buffer.dirty) {
      await workspace.discardDraft({ id });
    } else {
      const { file, title, baseVersion } = buffer;
      const draft: Draft = { id, file, title, text: texts.read(id), baseVersion };
      await workspace.saveDraft(draft);
    }
    if (replacedId !== undefined) await workspace.discardDraft({ id: replacedId });
  }

  /**
   * Writes the text to its file. True when it is on the disk; false when the file changed meanwhile: nothing was
   * written, and `external` says what is there now. Other failures are thrown.
   */
  async save(id: string): Promise<boolean> {
    const earlier = this.#saves.get(id);
    const save = earlier === undefined ? this.#save(id) : earlier.catch(() => false).then(() => this.#save(id));
    this.#saves.set(id, save);
    try {
      return await save;
    } finally {
      if (this.#saves.get(id) === save) this.#saves.delete(id);
    }
  }

  async #save(id: string): Promise<boolean> {
    const buffer = this.#fileBuffer(id);
    if (buffer === undefined) return false;
    if (buffer.external !== null) return false;
    if (!buffer.dirty) return true;
    const { workspace, texts } = this.#options;
    const text = texts.read(id);
    this.#change(id, { saving: true });
    try {
      const written = await workspace.write({ ...buffer.file, text, expectedVersion: buffer.baseVersion });
      // Typed on while it was written: those keys are not saved yet.
      const unchanged = texts.read(id) === text;
      if (unchanged) texts.markSaved(id);
      this.#change(id, {
        baseVersion: written.version,
        seen: { bytes: written.bytes, modifiedMs: written.modifiedMs },
        dirty: !unchanged,
      });
      await this.#forgetDraft(id, unchanged);
      return true;
    } catch (thrown) {
      if (asCrusaderError(thrown).code !== "conflict") throw thrown;
      await this.#lookAtDisk(id);
      return false;
    } finally {
      this.#change(id, { saving: false });
    }
  }

  /** Keeps the text; the next save replaces what is on the disk now. */
  keepMine(id: string): void {
    const buffer = this.#fileBuffer(id);
    if (buffer === undefined || buffer.external === null) return;
    const baseVersion = buffer.external.kind === "changed" ? buffer.external.version : null;
    this.#change(id, { external: null, baseVersion, dirty: true });
  }

  /** Takes what is on the disk; undo brings the own text back. */
  takeTheirs(id: string): void {
    const buffer = this.#fileBuffer(id);
    if (buffer?.external?.kind !== "changed") return;
    const { text, version } = buffer.external;
    this.#options.texts.replace(id, text);
    this.#options.texts.markSaved(id);
    this.#change(id, { external: null, baseVersion: version, dirty: false });
    this.#forgetDraft(id, true).catch(this.#options.onError);
  }

  /** Looks at the open files of a folder after its listing changed. */
  async listed(folderId: string, { files, truncated }: Listing): Promise<void> {
    for (const buffer of this.files) {
      if (buffer.file.folderId !== folderId || buffer.saving) continue;
      const listed = files.find(({ name }) => name === buffer.file.name);
      if (listed === undefined) {
        if (!truncated && buffer.seen !== null) this.#change(buffer.id, { external: { kind: "deleted" }, seen: null });
        continue;
      }
      const { bytes, modifiedMs } = listed;
      if (buffer.seen?.bytes === bytes && buffer.seen.modifiedMs === modifiedMs) continue;
      await this.#lookAtDisk(buffer.id);
    }
  }

  async #lookAtDisk(id: string): Promise<void> {
    const before = this.#fileBuffer(id);
    if (before === undefined) return;
    let content: FileContent;
    try {
      content = await this.#options.workspace.read(before.file);
    } catch (thrown) {
      if (asCrusaderError(thrown).code !== "not_found") throw thrown;
      this.#change(id, { external: { kind: "deleted" }, seen: null });
      return;
    }
    const buffer = this.#fileBuffer(id);
    if (buffer === undefined || buffer.saving !== before.saving) return;
    const { text, version, bytes, modifiedMs } = content;
    const seen = { bytes, modifiedMs };
    const { texts, onReloaded } = this.#options;
    if (version === buffer.baseVersion || texts.read(id) === text) {
      if (texts.read(id) === text) texts.markSaved(id);
      this.#change(id, { seen, baseVersion: version, external: null, dirty: texts.isDirty(id) });
    } else if (buffer.dirty) {
      this.#change(id, { seen, external: { kind: "changed", text, version } });
    } else {
      texts.replace(id, text);
      texts.markSaved(id);
      this.#change(id, { seen, baseVersion: version, external: null, dirty: false });
      onReloaded(buffer);
    }
  }

  /** The file got another name, here or by this window's explorer. */
  renamed(from: FileReference, to: FileReference): void {
    const buffer = this.bufferOf(from);
    if (buffer === undefined) return;
    this.#change(buffer.id, { file: to, title: to.name.split("/").at(-1) ?? to.name, external: null });
  }

  /** Closes a tab and forgets what was unsaved in it. */
  close(id: string): void {
    const { buffers, activeId } = this.state.getState();
    const index = buffers.findIndex((buffer) => buffer.id === id);
    const closed = buffers[index];
    if (closed === undefined) return;
    const left = buffers.filter((buffer) => buffer !== closed);
    const neighbour = left[Math.min(index, left.length - 1)]?.id ?? null;
    this.state.setState({ buffers: left, activeId: activeId === id ? neighbour : activeId });
    if (closed.kind !== "file") return;
    clearTimeout(this.#draftTimers.get(id));
    this.#draftTimers.delete(id);
    if (closed.dirty) this.#options.workspace.discardDraft({ id }).catch(this.#options.onError);
    this.#options.texts.dispose(id);
  }

  async #forgetDraft(id: string, settled: boolean): Promise<void> {
    if (!settled) return;
    clearTimeout(this.#draftTimers.get(id));
    this.#draftTimers.delete(id);
    await this.#options.workspace.discardDraft({ id });
  }

  #fileBuffer(id: string): FileBuffer | undefined {
    return this.files.find((buffer) => buffer.id === id);
  }

  #change(id: string, part: Partial<FileBuffer>): void {
    this.state.setState(({ buffers }) => ({
      buffers: buffers.map((buffer) => (buffer.id === id && buffer.kind === "file" ? { ...buffer, ...part } : buffer)),
    }));
  }
}
