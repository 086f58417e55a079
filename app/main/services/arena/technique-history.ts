/** When techniques first appeared on a board: its codes reviewed, the oldest first. What was found is kept in `arena-techniques.json`. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { TechniqueHistory } from "../../../common/arena-review.ts";
import type { Review } from "../../../common/review.ts";
import { JsonFile } from "../storage/index.ts";

const CACHE_VERSION = 1;
/** The last of them; a review takes some 30 ms, so what is lost is had again. */
const MAX_KEPT_CODES = 50_000;
const WRITE_EVERY_MS = 5000;
const TELL_EVERY_MS = 250;

const storedSchema = z.object({
  /** Of the reviewer's own files: another one may see more. */
  reviewer: z.string(),
  /** By the code's SHA-256. */
  techniques: z.record(z.string(), z.array(z.string())),
});

export type BoardCode = { submissionId: string; createdAt: string | null; sha256: string; bytes: () => Uint8Array };

export type TechniqueHistoryOptions = {
  dataFolder: string;
  /** Where review.py lies. */
  packageFolder: string;
  review: (source: Uint8Array) => Promise<Review>;
  now?: () => number;
};

export class TechniqueHistories {
  readonly #options: Required<TechniqueHistoryOptions>;
  readonly #file: JsonFile<z.infer<typeof storedSchema>>;
  #known: Map<string, string[]> | null = null;
  #reviewer: string | null = null;

  constructor(options: TechniqueHistoryOptions) {
    this.#options = { now: Date.now, ...options };
    this.#file = new JsonFile({
      path: join(options.dataFolder, "arena-techniques.json"),
      schema: storedSchema,
      version: CACHE_VERSION,
      initial: () => ({ reviewer: "", techniques: {} }),
    });
  }

  /** Looks until each of `techniques` was found, and tells how far it is meanwhile. `codes`: the oldest first. */
  async *of(
    codes: readonly BoardCode[],
    techniques: readonly string[],
    signal: AbortSignal | undefined,
  ): AsyncGenerator<TechniqueHistory> {
    const { now } = this.#options;
    const known = this.#read();
    const missing = new Set(techniques);
    const first: TechniqueHistory["first"] = [];
    let [reviewed, toldMs, writtenMs, isNew] = [0, now(), now(), false];
    for (const { submissionId, createdAt, sha256, bytes } of codes) {
      if (missing.size === 0 || signal?.aborted === true) break;
      let found = known.get(sha256);
      if (found === undefined) {
        const { techniques: seen, unreviewed } = await this.#options.review(bytes());
        found = seen.map(({ id }) => id);
        // A machine that was too busy may have time for it another day.
        if (unreviewed?.reason !== "time") {
          known.set(sha256, found);
          isNew = true;
        }
      }
      reviewed += 1;
      for (const technique of found) {
        if (missing.delete(technique)) first.push({ technique, submissionId, createdAt });
      }
      if (now() - toldMs >= TELL_EVERY_MS) {
        toldMs = now();
        yield { reviewed, total: codes.length, isDone: false, first: [...first] };
      }
      if (isNew && now() - writtenMs >= WRITE_EVERY_MS) {
        this.#write(known);
        [writtenMs, isNew] = [now(), false];
      }
    }
    if (isNew) this.#write(known);
    if (signal?.aborted !== true) yield { reviewed, total: codes.length, isDone: true, first };
  }

  #read(): Map<string, string[]> {
    if (this.#known !== null) return this.#known;
    const { reviewer, techniques } = this.#file.read();
    this.#known = new Map(reviewer === this.#reviewerRevision() ? Object.entries(techniques) : []);
    return this.#known;
  }

  #write(known: ReadonlyMap<string, string[]>): void {
    const kept = [...known].slice(-MAX_KEPT_CODES);
    this.#file.write({ reviewer: this.#reviewerRevision(), techniques: Object.fromEntries(kept) });
  }

  #reviewerRevision(): string {
    const { packageFolder } = this.#options;
    this.#reviewer ??= readdirSync(packageFolder)
      .filter((name) => name.endsWith(".py"))
      .sort()
      .reduce((hash, name) => hash.update(name).update(readFileSync(join(packageFolder, name))), createHash("sha256"))
      .digest("hex");
    return this.#reviewer;
  }
}
