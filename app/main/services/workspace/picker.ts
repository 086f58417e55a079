/**
 * Choosing a folder without a dialog of the system: the window walks a tree whose places are random ids, so that it can
 * only ever name what was shown to it.
 */
import { mkdirSync, readdirSync, realpathSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, join, parse } from "node:path";
import { CrusaderError } from "../../../common/errors.ts";
import type { PickerView } from "../../../common/workspace.ts";
import { nameProblem } from "../../../common/workspace.ts";
import { newId, shortPath } from "./folders.ts";

const MAX_SHOWN = 1000;

export class PickerService {
  readonly #home: string;
  readonly #start: string;
  readonly #pathById = new Map<string, string>();
  readonly #idByPath = new Map<string, string>();

  constructor({ home = homedir(), start = process.cwd() }: { home?: string; start?: string } = {}) {
    this.#home = home;
    this.#start = start;
  }

  /** Throws `not_found` for an id that was never shown, `access_denied` where the folder may not be read. */
  list(id: string | undefined): PickerView {
    const path = id === undefined ? this.#home : this.pathOf(id);
    let entries: { name: string; isFolder: boolean }[];
    try {
      entries = readdirSync(path, { withFileTypes: true }).map((entry) => ({
        name: entry.name,
        isFolder: entry.isDirectory() || (entry.isSymbolicLink() && leadsToFolder(join(path, entry.name))),
      }));
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      throw code === "ENOENT" || code === "ENOTDIR"
        ? new CrusaderError("not_found", `${shortPath(path)} is gone.`, "Pick another folder.")
        : new CrusaderError("access_denied", `${shortPath(path)} may not be read.`, "Pick another folder.", message);
    }
    const filesNamed = (ending: string) =>
      entries
        .filter(({ name, isFolder }) => !isFolder && name.endsWith(ending))
        .map(({ name }) => name)
        .sort()
        .slice(0, MAX_SHOWN);
    const names = entries.filter(({ name, isFolder }) => isFolder && !name.startsWith(".")).map(({ name }) => name);
    const parent = dirname(path);
    return {
      id: this.idOf(path),
      name: basename(path) || path,
      location: shortPath(path, this.#home),
      parentId: parent === path ? null : this.idOf(parent),
      folders: names
        .sort()
        .slice(0, MAX_SHOWN)
        .map((name) => ({ id: this.idOf(join(path, name)), name })),
      pythonFiles: filesNamed(".py"),
      jsonFiles: filesNamed(".json").map((name) => ({ id: this.idOf(join(path, name)), name })),
      databaseFiles: filesNamed(".db").map((name) => ({ id: this.idOf(join(path, name)), name })),
      places: [...new Set([this.#home, this.#start, parse(this.#home).root])].map((place) => ({
        id: this.idOf(place),
        name: shortPath(place, this.#home),
      })),
      truncated: names.length > MAX_SHOWN,
    };
  }

  /** Throws `usage`, `conflict`, `access_denied`. */
  createFolder(parentId: string, name: string): PickerView {
    const problem = nameProblem(name);
    if (problem !== null) throw new CrusaderError("usage", problem);
    const path = join(this.pathOf(parentId), name);
    try {
      mkdirSync(path);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      throw code === "EEXIST"
        ? new CrusaderError("conflict", `${name} exists already.`, "Take another name.")
        : new CrusaderError("access_denied", `${name} could not be made.`, "Pick another place.", message);
    }
    return this.list(this.idOf(path));
  }

  pathOf(id: string): string {
    const path = this.#pathById.get(id);
    if (path === undefined) throw new CrusaderError("not_found", "This folder was not shown.", "Pick it again.");
    return path;
  }

  /** Of a path shown here, or picked in a dialog of the system. */
  idOf(path: string): string {
    const known = this.#idByPath.get(path);
    if (known !== undefined) return known;
    const id = newId();
    this.#pathById.set(id, path);
    this.#idByPath.set(path, id);
    return id;
  }
}

function leadsToFolder(path: string): boolean {
  try {
    return statSync(realpathSync(path)).isDirectory();
  } catch {
    return false;
  }
}
