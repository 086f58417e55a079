import { createHash } from "node:crypto";
import { expect, test, vi } from "vitest";
import { CrusaderError } from "../../../common/errors.ts";
import type { Draft, FileReference } from "../../../common/workspace.ts";
import { Buffers, type EditorBuffer, type FileBuffer, type Texts } from "./buffers.ts";

const FOLDER = "f".repeat(16);
const FILE: FileReference = { folderId: FOLDER, name: "train.py" };
const versionOf = (text: string) => createHash("sha256").update(text).digest("hex");

/** A folder in memory that answers as the workspace service does. */
class Disk {
  files = new Map<string, { text: string; modifiedMs: number }>();
  drafts = new Map<string, Draft>();
  #clock = 1000;

  put(name: string, text: string) {
    this.#clock += 1000;
    this.files.set(name, { text, modifiedMs: this.#clock });
  }

  #state({ folderId, name }: FileReference) {
    const file = this.files.get(name);
    if (file === undefined) throw new CrusaderError("not_found", `${name} is gone.`);
    const { text, modifiedMs } = file;
    return { folderId, name, version: versionOf(text), bytes: text.length, modifiedMs };
  }

  listing() {
    const files = [...this.files].map(([name, { text, modifiedMs }]) => ({ name, bytes: text.length, modifiedMs }));
    return { files, truncated: false };
  }

  readonly client = {
    read: async (file: FileReference) => ({ ...this.#state(file), text: this.files.get(file.name)?.text ?? "" }),
    write: async ({
      text,
      expectedVersion,
      ...file
    }: FileReference & { text: string; expectedVersion: string | null }) => {
      const known = this.files.get(file.name);
      const version = known === undefined ? null : versionOf(known.text);
      if (version !== expectedVersion) throw new CrusaderError("conflict", "It changed.");
      this.put(file.name, text);
      return this.#state(file);
    },
    saveDraft: async (draft: Draft) => {
      this.drafts.set(draft.id, draft);
      return { ...draft, savedAt: "2026-01-01T00:00:00Z" };
    },
    discardDraft: async ({ id }: { id: string }) => ({ discarded: this.drafts.delete(id) }),
  };
}

class PlainTexts implements Texts {
  readonly entries = new Map<string, { text: string; saved: string }>();
  create = (id: string, text: string) => void this.entries.set(id, { text, saved: text });
  read = (id: string) => this.entries.get(id)?.text ?? "";
  replace = (id: string, text: string) => void this.entries.set(id, { text, saved: this.entries.get(id)?.saved ?? "" });
  markSaved = (id: string) => this.create(id, this.read(id));
  isDirty = (id: string) => this.entries.get(id)?.text !== this.entries.get(id)?.saved;
  dispose = (id: string) => void this.entries.delete(id);
}

function setUp() {
  const disk = new Disk();
  disk.put("train.py", "a = 1\n");
  const texts = new PlainTexts();
  let last = 0;
  const onReloaded = vi.fn<(buffer: FileBuffer) => void>();
  const buffers = new Buffers({
    // The contract's client is wider than what the buffers use.
    workspace: disk.client as never,
    texts,
    newId: () => {
      last += 1;
      return `window-${last}`;
    },
    onError: (thrown) => {
      throw thrown;
    },
    onReloaded,
    draftAfterMs: 0,
  });
  const type = (id: string, text: string) => {
    texts.replace(id, text);
    buffers.edited(id);
  };
  return { disk, texts, buffers, onReloaded, type };
}

const fileIn = (buffers: Buffers, id: string) => buffers.get(id) as FileBuffer;

test("opens a file once, however often it is asked for", async () => {
  const { buffers } = setUp();
  const [first, second] = await Promise.all([buffers.openFile(FILE), buffers.openFile(FILE)]);
  expect(second.id).toBe(first.id);
  expect(buffers.state.getState()).toEqual({
    buffers: [
      {
        kind: "file",
        id: "window-1",
        file: FILE,
        title: "train.py",
        baseVersion: versionOf("a = 1\n"),
        seen: { bytes: 6, modifiedMs: 2000 },
        dirty: false,
        saving: false,
        external: null,
      },
    ],
    activeId: "window-1",
  });
});

test("saves what was typed and forgets its draft", async () => {
  const { buffers, disk, type } = setUp();
  const { id } = await buffers.openFile(FILE);
  type(id, "a = 2\n");
  await buffers.saveDrafts();
  expect(disk.drafts.get(id)).toEqual({
    id,
    file: FILE,
    title: "train.py",
    text: "a = 2\n",
    baseVersion: versionOf("a = 1\n"),
  });
  expect(await buffers.save(id)).toBe(true);
  expect(disk.files.get("train.py")?.text).toBe("a = 2\n");
  expect(disk.drafts.size).toBe(0);
  expect(fileIn(buffers, id)).toMatchObject({ dirty: false, baseVersion: versionOf("a = 2\n") });
});

test("keeps keys typed while the file is written as unsaved", async () => {
  const { buffers, disk, type } = setUp();
  const { id } = await buffers.openFile(FILE);
  type(id, "a = 2\n");
  const saving = buffers.save(id);
  type(id, "a = 23\n");
  expect(await saving).toBe(true);
  expect(disk.files.get("train.py")?.text).toBe("a = 2\n");
  expect(fileIn(buffers, id).dirty).toBe(true);
});

test("a save asked for while one is under way comes behind it, with what was typed meanwhile", async () => {
  const { buffers, disk, type } = setUp();
  const { id } = await buffers.openFile(FILE);
  type(id, "a = 2\n");
  const first = buffers.save(id);
  type(id, "a = 23\n");
  expect(await Promise.all([first, buffers.save(id), buffers.save(id)])).toEqual([true, true, true]);
  expect(disk.files.get("train.py")?.text).toBe("a = 23\n");
  expect(fileIn(buffers, id)).toMatchObject({ dirty: false, saving: false });
  expect(disk.drafts.size).toBe(0);
});

test("writes nothing over a change from outside, and shows it", async () => {
  const { buffers, disk, type } = setUp();
  const { id } = await buffers.openFile(FILE);
  type(id, "mine\n");
  disk.put("train.py", "theirs\n");
  expect(await buffers.save(id)).toBe(false);
  expect(disk.files.get("train.py")?.text).toBe("theirs\n");
  expect(fileIn(buffers, id)).toMatchObject({
    dirty: true,
    saving: false,
    external: { kind: "changed", text: "theirs\n", version: versionOf("theirs\n") },
  });
  // Undecided, it still writes nothing.
  expect(await buffers.save(id)).toBe(false);
});

test("keeps one's own text over a change from outside once told so", async () => {
  const { buffers, disk, type } = setUp();
  const { id } = await buffers.openFile(FILE);
  type(id, "mine\n");
  disk.put("train.py", "theirs\n");
  await buffers.listed(FOLDER, disk.listing());
  buffers.keepMine(id);
  expect(await buffers.save(id)).toBe(true);
  expect(disk.files.get("train.py")?.text).toBe("mine\n");
});

test("takes the disk's text once told so", async () => {
  const { buffers, disk, texts, type } = setUp();
  const { id } = await buffers.openFile(FILE);
  type(id, "mine\n");
  disk.put("train.py", "theirs\n");
  await buffers.listed(FOLDER, disk.listing());
  buffers.takeTheirs(id);
  expect(texts.read(id)).toBe("theirs\n");
  expect(fileIn(buffers, id)).toMatchObject({ dirty: false, external: null, baseVersion: versionOf("theirs\n") });
});

test("takes a change from outside at once where nothing is unsaved, and says so", async () => {
  const { buffers, disk, texts, onReloaded } = setUp();
  const { id } = await buffers.openFile(FILE);
  disk.put("train.py", "theirs\n");
  await buffers.listed(FOLDER, disk.listing());
  expect(texts.read(id)).toBe("theirs\n");
  expect(fileIn(buffers, id)).toMatchObject({ dirty: false, external: null, baseVersion: versionOf("theirs\n") });
  expect(onReloaded).toHaveBeenCalledTimes(1);
});

test("says nothing of a file that was only touched", async () => {
  const { buffers, disk, onReloaded } = setUp();
  const { id } = await buffers.openFile(FILE);
  disk.put("train.py", "a = 1\n");
  await buffers.listed(FOLDER, disk.listing());
  expect(fileIn(buffers, id)).toMatchObject({ dirty: false, external: null, seen: { bytes: 6, modifiedMs: 3000 } });
  expect(onReloaded).not.toHaveBeenCalled();
});

test("keeps the text of a file that was deleted, and can write it again", async () => {
  const { buffers, disk } = setUp();
  const { id } = await buffers.openFile(FILE);
  disk.files.delete("train.py");
  await buffers.listed(FOLDER, disk.listing());
  expect(fileIn(buffers, id).external).toEqual({ kind: "deleted" });
  buffers.keepMine(id);
  expect(await buffers.save(id)).toBe(true);
  expect(disk.files.get("train.py")?.text).toBe("a = 1\n");
});

test("recovers an unsaved text beside what its file holds now", async () => {
  const { buffers, disk, texts } = setUp();
  const lost = { id: "other-1", file: FILE, title: "train.py", text: "lost\n", baseVersion: versionOf("a = 0\n") };
  disk.drafts.set(lost.id, lost);
  await buffers.recover({ ...lost, savedAt: "2026-01-01T00:00:00Z" });
  const [buffer] = buffers.files;
  expect(texts.read(buffer?.id ?? "")).toBe("lost\n");
  expect(buffer).toMatchObject({
    dirty: true,
    external: { kind: "changed", text: "a = 1\n", version: versionOf("a = 1\n") },
  });
});

test("recovers into the tab that is open, and leaves one draft", async () => {
  const { buffers, disk, texts } = setUp();
  const { id } = await buffers.openFile(FILE);
  const lost = { id: "other-1", file: FILE, title: "train.py", text: "lost\n", baseVersion: versionOf("a = 1\n") };
  disk.drafts.set(lost.id, lost);
  await buffers.recover({ ...lost, savedAt: "2026-01-01T00:00:00Z" });
  expect(buffers.files.map((buffer) => buffer.id)).toEqual([id]);
  expect(texts.read(id)).toBe("lost\n");
  expect([...disk.drafts.keys()]).toEqual([id]);
});

test("follows a rename", async () => {
  const { buffers, disk, type } = setUp();
  const { id } = await buffers.openFile(FILE);
  disk.put("faster.py", "a = 1\n");
  disk.files.delete("train.py");
  buffers.renamed(FILE, { folderId: FOLDER, name: "faster.py" });
  await buffers.listed(FOLDER, disk.listing());
  type(id, "a = 2\n");
  expect(await buffers.save(id)).toBe(true);
  expect(fileIn(buffers, id)).toMatchObject({ title: "faster.py", external: null });
  expect(disk.files.get("faster.py")?.text).toBe("a = 2\n");
});

test("closes to the neighbour and forgets the draft", async () => {
  const { buffers, disk, texts, type } = setUp();
  disk.put("b.py", "b\n");
  const a = await buffers.openFile(FILE);
  const b = await buffers.openFile({ folderId: FOLDER, name: "b.py" });
  buffers.openDiff({ kind: "text", text: "x", title: "x" }, { kind: "buffer", bufferId: b.id, title: "b.py" });
  buffers.step(-1);
  type(b.id, "bb\n");
  await buffers.saveDrafts();
  buffers.close(b.id);
  const kinds = (open: readonly EditorBuffer[]) => open.map(({ kind }) => kind);
  expect(kinds(buffers.state.getState().buffers)).toEqual(["file", "diff"]);
  expect(buffers.active?.kind).toBe("diff");
  expect([...disk.drafts.keys()]).toEqual([]);
  expect([...texts.entries.keys()]).toEqual([a.id]);
});
