/** Files that the practice network's host serves, each under an address of its own. */
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { writeAtomically } from "../storage/index.ts";

const ID_BYTES = 6;
const ADDRESS = /^\/files\/([0-9a-f]{12})\/train\.py$/;

export class HostedFiles {
  readonly #folder: string | null;
  readonly #inMemory = new Map<string, Buffer>();

  /** Null: they are kept in memory alone. */
  constructor(folder: string | null) {
    this.#folder = folder;
  }

  /** The path of its URL: a new one each time, as the validator passes over URLs it has seen. Throws `disk_full`, `data_folder`. */
  put(content: Uint8Array): string {
    const id = randomBytes(ID_BYTES).toString("hex");
    if (this.#folder === null) this.#inMemory.set(id, Buffer.from(content));
    else writeAtomically(join(this.#folder, `${id}.py`), content);
    return `/files/${id}/train.py`;
  }

  /** Null where nothing lies there. */
  get(path: string): Buffer | null {
    const id = ADDRESS.exec(path)?.[1];
    if (id === undefined) return null;
    if (this.#folder === null) return this.#inMemory.get(id) ?? null;
    const file = join(this.#folder, `${id}.py`);
    return existsSync(file) ? readFileSync(file) : null;
  }

  /** What lies there from now on; null: nothing. To see what becomes of a submission then. */
  replace(path: string, content: Uint8Array | null): void {
    const id = ADDRESS.exec(path)?.[1];
    if (id === undefined) throw new RangeError(`${path} is no path of this host`);
    if (this.#folder === null) {
      if (content === null) this.#inMemory.delete(id);
      else this.#inMemory.set(id, Buffer.from(content));
    } else if (content === null) rmSync(join(this.#folder, `${id}.py`), { force: true });
    else writeAtomically(join(this.#folder, `${id}.py`), content);
  }
}
