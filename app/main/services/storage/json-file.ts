/**
 * One small JSON file of the data folder, with a version. Read anew each time, as other processes may write it. What
 * cannot be used is set aside under another name, never overwritten.
 */
import { readFileSync, renameSync } from "node:fs";
import type { ZodType } from "zod";
import { CrusaderError } from "../../../common/errors.ts";
import { writeAtomically } from "./files.ts";

export type JsonFileOptions<T> = {
  path: string;
  /** Of the content without its version. */
  schema: ZodType<T>;
  /** Raised when a reader of the old version would misread the new one. */
  version: number;
  initial: () => T;
  /** Milliseconds since 1970. */
  now?: () => number;
};

export class JsonFile<T extends Record<string, unknown>> {
  readonly #options: JsonFileOptions<T>;
  #setAside: { file: string; reason: string } | null = null;

  constructor(options: JsonFileOptions<T>) {
    this.#options = options;
  }

  /** The last file that could not be used since this object was made: where it lies now, and why. */
  get setAside(): { file: string; reason: string } | null {
    return this.#setAside;
  }

  /**
   * The content; the initial one where there is no file yet, or none that can be used. Throws `data_folder` for a file of
   * a newer Crusader, and for one that may not be read.
   */
  read(): T {
    const { path, schema, version, initial } = this.#options;
    let text: string;
    try {
      text = readFileSync(path, "utf8");
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === "ENOENT" || code === "ENOTDIR") return initial();
      throw new CrusaderError("data_folder", `${path} cannot be read.`, "Check its owner and rights.", message);
    }
    const parsed = parseJson(text);
    if (parsed === undefined) return this.#startAnew("it is no JSON");
    const written = (parsed as { version?: unknown } | null)?.version;
    if (typeof written === "number" && written > version) {
      throw new CrusaderError(
        "data_folder",
        `${path} was written by a newer Crusader (version ${written}; this one knows ${version}).`,
        "Update Crusader, or move the file away.",
      );
    }
    const content = schema.safeParse(parsed);
    if (content.success) return content.data;
    const [issue] = content.error.issues;
    return this.#startAnew(`${issue?.path.join(".") || "its content"}: ${issue?.message}`);
  }

  /** Throws `disk_full` or `data_folder`. */
  write(content: T): void {
    const { path, version } = this.#options;
    writeAtomically(path, `${JSON.stringify({ version, ...content }, null, 2)}\n`);
  }

  #startAnew(reason: string): T {
    const { path, initial, now = Date.now } = this.#options;
    const file = `${path}.damaged-${now()}`;
    try {
      renameSync(path, file);
      this.#setAside = { file, reason };
    } catch {
      // A read-only folder: it stays where it is, and nothing can overwrite it there.
      this.#setAside = { file: path, reason };
    }
    return initial();
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
