/** Starting points: the files of `templates/`. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { CrusaderError } from "../../../common/errors.ts";
import type { Template } from "../../../common/workspace.ts";
import { templateNameSchema } from "../../../common/workspace.ts";

export class Templates {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  list(): Template[] {
    return readdirSync(this.#folder)
      .filter((entry) => entry.endsWith(".py"))
      .map((entry) => entry.slice(0, -".py".length))
      .filter((name) => templateNameSchema.safeParse(name).success)
      .sort()
      .map((name) => ({ name, title: titleOf(readFileSync(join(this.#folder, `${name}.py`), "utf8")) }));
  }

  /** Whether one of them has just these bytes. */
  has(sha256: string): boolean {
    return this.list().some(({ name }) => {
      const bytes = readFileSync(join(this.#folder, `${name}.py`));
      return createHash("sha256").update(bytes).digest("hex") === sha256;
    });
  }

  /** Throws `not_found`. */
  read(name: string): Template & { text: string; path: string } {
    const template = this.list().find((candidate) => candidate.name === name);
    if (template === undefined) throw new CrusaderError("not_found", `There is no template ${name}.`);
    const path = join(this.#folder, `${name}.py`);
    return { ...template, path, text: readFileSync(path, "utf8") };
  }
}

/** First line of the module's docstring. */
function titleOf(source: string): string {
  return /^\s*(?:#.*\n)*\s*"""\s*([^\n"]+)/.exec(source)?.[1]?.trim() ?? "";
}
