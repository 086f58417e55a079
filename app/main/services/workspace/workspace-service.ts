/** Submissions as plain files in folders the user opened, templates to start from, and unsaved buffers. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { CrusaderError } from "../../../common/errors.ts";
import type { FileContent, FileReference, FileState, Folder, Listing } from "../../../common/workspace.ts";
import { fileReferenceSchema } from "../../../common/workspace.ts";
import { purgeOlderThan, writeAtomically } from "../storage/index.ts";
import { Revision } from "../streams/index.ts";
import { Drafts } from "./drafts.ts";
import {
  existingInside,
  listFiles,
  pathInside,
  putFile,
  readContent,
  renameFile,
  takeFile,
  writeContent,
} from "./files.ts";
import { Folders, newId } from "./folders.ts";
import { Templates } from "./templates.ts";

export type WorkspaceServiceOptions = {
  dataFolder: string;
  templatesFolder: string;
  /** Milliseconds since 1970. */
  now?: () => number;
  /** Between two looks at a watched folder. */
  watchEveryMs?: number;
};

export type ResolvedFile = { path: string };

/** At most one part in 50 of the time goes into looking at a watched folder. */
const LOOKING_SHARE = 50;
const DELETED_KEPT_MS = 30 * 24 * 60 * 60 * 1000;
const deletedSchema = z.object({ file: fileReferenceSchema, content: z.base64() });

export class WorkspaceService {
  readonly templates: Templates;
  readonly drafts: Drafts;
  readonly #folders: Folders;
  readonly #deletedFolder: string;
  readonly #now: () => number;
  readonly #watchEveryMs: number;
  readonly #revision = new Revision();

  constructor({ dataFolder, templatesFolder, now = Date.now, watchEveryMs = 1000 }: WorkspaceServiceOptions) {
    this.templates = new Templates(templatesFolder);
    this.drafts = new Drafts(dataFolder, now);
    this.#folders = new Folders(dataFolder);
    this.#deletedFolder = join(dataFolder, "deleted-files");
    this.#now = now;
    this.#watchEveryMs = watchEveryMs;
  }

  /** The last list of folders that could not be used since the start: where it lies now, and why. */
  get setAside(): { file: string; reason: string } | null {
    return this.#folders.setAside;
  }

  folders(): Folder[] {
    return this.#folders.list();
  }

  /** `path` comes from the picker or a dialog of the system, never from a message. */
  openFolder(path: string): Folder {
    return this.#folders.open(path);
  }

  openDefaultFolder(): Folder {
    return this.#folders.openDefault();
  }

  closeFolder(folderId: string): Folder[] {
    return this.#folders.close(folderId);
  }

  list(folderId: string): Listing {
    return listFiles(this.#folders.rootOf(folderId));
  }

  /** The listing, and again when it differs. By looking, as watches of a whole tree are not to be had everywhere. */
  async *watch(folderId: string, signal: AbortSignal | undefined): AsyncGenerator<Listing> {
    let shown = "";
    while (signal?.aborted !== true) {
      const seen = this.#revision.number;
      const startedAt = performance.now();
      const listing = this.list(folderId);
      // A folder that takes long to look at is looked at less often.
      const pauseMs = Math.max(this.#watchEveryMs, LOOKING_SHARE * (performance.now() - startedAt));
      const now = JSON.stringify(listing);
      if (now !== shown) yield listing;
      shown = now;
      await this.#revision.next(seen, signal, pauseMs);
    }
  }

  read({ folderId, name }: FileReference): FileContent {
    return { folderId, name, ...readContent(this.#folders.rootOf(folderId), name) };
  }

  write({ folderId, name }: FileReference, text: string, expectedVersion: string | null): FileState {
    const state = writeContent(this.#folders.rootOf(folderId), name, text, expectedVersion);
    this.#revision.advance();
    return { folderId, name, ...state };
  }

  rename({ folderId, name }: FileReference, newName: string): FileState {
    renameFile(this.#folders.rootOf(folderId), name, newName);
    this.#revision.advance();
    const { text: _text, ...state } = this.read({ folderId, name: newName });
    return state;
  }

  /** The bytes are kept aside for 30 days. */
  delete(file: FileReference): { undoId: string } {
    const undoId = newId();
    purgeOlderThan(this.#deletedFolder, DELETED_KEPT_MS, this.#now());
    takeFile(this.#folders.rootOf(file.folderId), file.name, (content) => {
      const kept = { file, content: Buffer.from(content).toString("base64") };
      writeAtomically(this.#keptPath(undoId), JSON.stringify(kept));
    });
    this.#revision.advance();
    return { undoId };
  }

  /** Throws `not_found` after 30 days, `conflict` where the name is taken. */
  undoDelete(undoId: string): FileState {
    let kept: z.infer<typeof deletedSchema>;
    try {
      kept = deletedSchema.parse(JSON.parse(readFileSync(this.#keptPath(undoId), "utf8")));
    } catch {
      throw new CrusaderError("not_found", "There is nothing to bring back.", "Deleted files are kept for 30 days.");
    }
    const root = this.#folders.rootOf(kept.file.folderId);
    const state = putFile(root, kept.file.name, Buffer.from(kept.content, "base64"));
    this.#revision.advance();
    return { ...kept.file, ...state };
  }

  createFromTemplate(file: FileReference, template: string): FileContent {
    this.write(file, this.templates.read(template).text, null);
    return this.read(file);
  }

  /** The first `limit` files of all open folders that can be read as text. */
  ownFiles(limit: number): { files: { file: FileReference; source: Uint8Array }[]; truncated: boolean } {
    const names = this.folders()
      .filter(({ available }) => available)
      .flatMap(({ id }) => this.list(id).files.map(({ name }) => ({ folderId: id, name })));
    const files = names.slice(0, limit).flatMap((file) => {
      try {
        return [{ file, source: Buffer.from(this.read(file).text, "utf8") }];
      } catch (error) {
        // Gone since it was listed, too large or no text: nothing is scanned that could not be submitted.
        if (error instanceof CrusaderError) return [];
        throw error;
      }
    });
    return { files, truncated: names.length > limit };
  }

  /** Where a file lies or would lie; for a run of an unsaved buffer of it. */
  place({ folderId, name }: FileReference): string {
    return pathInside(this.#folders.rootOf(folderId), name);
  }

  /** Where a file lies, for a run of it. */
  resolve({ folderId, name }: FileReference): ResolvedFile {
    return { path: existingInside(this.#folders.rootOf(folderId), name) };
  }

  // The id is one of ours by its schema: no separators.
  #keptPath(undoId: string): string {
    if (!/^[\w-]+$/.test(undoId)) throw new CrusaderError("usage", "Not an id of ours.");
    return join(this.#deletedFolder, `${undoId}.json`);
  }
}

/** By which the versions of a buffer that was never a file are counted; nothing lies there. */
export function untitledPath(dataFolder: string, name: string): string {
  return join(dataFolder, "untitled", name);
}
