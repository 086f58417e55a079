/** Unsaved buffers, one file each in `<data folder>/drafts/`. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { CrusaderError } from "../../../common/errors.ts";
import type { Draft, SavedDraft } from "../../../common/workspace.ts";
import { savedDraftSchema } from "../../../common/workspace.ts";
import { writeAtomically } from "../storage/index.ts";

const DRAFT_VERSION = 1;
const MAX_DRAFTS = 200;

export class Drafts {
  readonly #folder: string;
  readonly #now: () => number;

  constructor(dataFolder: string, now: () => number) {
    this.#folder = join(dataFolder, "drafts");
    this.#now = now;
  }

  /** Oldest first. A damaged one is set aside. */
  list(): SavedDraft[] {
    return this.#files()
      .flatMap((file) => this.#read(file) ?? [])
      .sort((a, b) => (a.savedAt < b.savedAt ? -1 : 1));
  }

  /** Throws `disk_full`, `data_folder` or `too_large`; the one saved before is then still there. */
  save(draft: Draft): SavedDraft {
    const file = fileOf(draft.id);
    const files = this.#files();
    if (!files.includes(file) && files.length >= MAX_DRAFTS) {
      throw new CrusaderError("too_large", `There are ${MAX_DRAFTS} unsaved buffers.`, "Save or close some.");
    }
    const saved: SavedDraft = { ...draft, savedAt: new Date(this.#now()).toISOString() };
    writeAtomically(join(this.#folder, file), JSON.stringify({ version: DRAFT_VERSION, ...saved }));
    return saved;
  }

  discard(id: string): boolean {
    const file = fileOf(id);
    if (!this.#files().includes(file)) return false;
    rmSync(join(this.#folder, file), { force: true });
    return true;
  }

  #files(): string[] {
    try {
      return readdirSync(this.#folder).filter((entry) => /^[0-9a-f]{64}\.json$/.test(entry));
    } catch {
      return [];
    }
  }

  #read(file: string): SavedDraft | null {
    const path = join(this.#folder, file);
    try {
      return savedDraftSchema.parse(JSON.parse(readFileSync(path, "utf8")));
    } catch {
      try {
        renameSync(path, `${path}.damaged`);
      } catch {
        // Gone meanwhile, or a folder that cannot be written: it is only left out.
      }
      return null;
    }
  }
}

function fileOf(id: string): string {
  return `${createHash("sha256").update(id).digest("hex")}.json`;
}
