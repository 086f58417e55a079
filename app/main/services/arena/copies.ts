/** Which files are copies of others' code: `<data folder>/arena-copies.json`. What was copied stays another's, however it is changed. */
import { realpathSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { submissionReferenceSchema } from "../../../common/arena.ts";
import { JsonFile } from "../storage/index.ts";

const COPIES_VERSION = 1;
/** The oldest are forgotten first; their bytes are still known. */
const MAX_COPIES = 5000;

const copySchema = submissionReferenceSchema.extend({ path: z.string(), seenAt: z.iso.datetime() });
export type Copy = z.infer<typeof copySchema>;
const storedSchema = z.object({ copies: z.array(copySchema) });

export class Copies {
  readonly #file: JsonFile<z.infer<typeof storedSchema>>;

  constructor({ dataFolder }: { dataFolder: string }) {
    this.#file = new JsonFile({
      path: join(dataFolder, "arena-copies.json"),
      schema: storedSchema,
      version: COPIES_VERSION,
      initial: () => ({ copies: [] }),
    });
  }

  get setAside(): { file: string; reason: string } | null {
    return this.#file.setAside;
  }

  of(path: string): Copy | undefined {
    const real = realPath(path);
    return this.#file.read().copies.find((copy) => copy.path === real);
  }

  note(copy: Copy): void {
    this.#put(copy, realPath(copy.path));
  }

  /** A renamed copy is the same copy. `from` is where it was, links resolved. */
  moved(from: string, to: string): void {
    const { copies } = this.#file.read();
    const copy = copies.find(({ path }) => path === from);
    if (copy !== undefined) this.#put(copy, realPath(to));
  }

  #put(copy: Copy, path: string): void {
    const others = this.#file.read().copies.filter((other) => other.path !== path && other.path !== copy.path);
    this.#file.write({ copies: [...others, { ...copy, path }].slice(-MAX_COPIES) });
  }
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    // Gone, or not there yet.
    return path;
  }
}
