/** Folders the user opened: an opaque id each, kept in `workspace.json` so that a restart knows them. */
import { randomBytes } from "node:crypto";
import { realpathSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { basename, join, sep } from "node:path";
import { z } from "zod";
import { CrusaderError } from "../../../common/errors.ts";
import type { Folder } from "../../../common/workspace.ts";
import { ensureFolder, JsonFile } from "../storage/index.ts";

const WORKSPACE_VERSION = 1;
const contentSchema = z.object({
  /** The one opened last comes first. */
  folders: z.array(z.object({ id: z.string(), path: z.string() })),
});
type Known = z.infer<typeof contentSchema>["folders"][number];
const MAX_FOLDERS = 100;

export function newId(): string {
  return randomBytes(16).toString("base64url");
}

export class Folders {
  readonly #file: JsonFile<z.infer<typeof contentSchema>>;
  readonly #defaultPath: string;

  constructor(dataFolder: string) {
    this.#defaultPath = join(dataFolder, "submissions");
    this.#file = new JsonFile({
      path: join(dataFolder, "workspace.json"),
      schema: contentSchema,
      version: WORKSPACE_VERSION,
      initial: () => ({ folders: [] }),
    });
  }

  /** The last list that could not be used since this object was made: where it lies now, and why. */
  get setAside(): { file: string; reason: string } | null {
    return this.#file.setAside;
  }

  list(): Folder[] {
    return this.#file.read().folders.map((known) => this.#describe(known));
  }

  openDefault(): Folder {
    ensureFolder(this.#defaultPath);
    return this.open(this.#defaultPath);
  }

  /** `path` comes from the picker or a dialog of the system. Throws `not_found` where it is no folder. */
  open(path: string): Folder {
    const real = realFolder(path);
    if (real === null) throw new CrusaderError("not_found", `${path} is no folder.`, "Pick another one.");
    const { folders } = this.#file.read();
    const known = folders.find((folder) => folder.path === real) ?? { id: newId(), path: real };
    const others = folders.filter(({ id }) => id !== known.id);
    this.#file.write({ folders: [known, ...others].slice(0, MAX_FOLDERS) });
    return this.#describe(known);
  }

  close(folderId: string): Folder[] {
    const { folders } = this.#file.read();
    this.#file.write({ folders: folders.filter(({ id }) => id !== folderId) });
    return this.list();
  }

  /** Where it lies, links resolved. Throws `not_found` for an id that is not ours, or a folder that is gone. */
  rootOf(folderId: string): string {
    const known = this.#file.read().folders.find(({ id }) => id === folderId);
    if (known === undefined) throw new CrusaderError("not_found", "This folder is not open.", "Open it again.");
    const real = realFolder(known.path);
    if (real !== null) return real;
    throw new CrusaderError("not_found", `The folder ${known.path} is gone.`, "Open another one.");
  }

  #describe({ id, path }: Known): Folder {
    return {
      id,
      name: basename(path) || path,
      location: shortPath(path),
      isDefault: path === this.#defaultPath || path === realFolder(this.#defaultPath),
      available: realFolder(path) !== null,
    };
  }
}

/** "~/work" for people. */
export function shortPath(path: string, home = homedir()): string {
  return path === home || path.startsWith(home + sep) ? `~${path.slice(home.length)}` : path;
}

function realFolder(path: string): string | null {
  try {
    const real = realpathSync(path);
    return statSync(real).isDirectory() ? real : null;
  } catch {
    return null;
  }
}
