/**
 * What was fetched, in `<data folder>/production/`: `state.json` says what is pinned and newest, `revisions/<id>.json`
 * holds the files of each. They are data: nothing is unpacked to paths that a repository names.
 */
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { PRODUCTION_REPOSITORY } from "../../../common/addresses.ts";
import { CrusaderError } from "../../../common/errors.ts";
import { type Revision, revisionSchema } from "../../../common/production.ts";
import { ensureFolder, JsonFile } from "../storage/index.ts";
import type { SourceFiles } from "./snapshot.ts";

/** Raised when a reader of the old version would misread the new one. */
const VERSION = 1;

const chosenSourceSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("git"), url: z.string(), reference: z.string().nullable() }),
  z.object({ kind: z.literal("folder"), path: z.string() }),
]);
export type ChosenSource = z.infer<typeof chosenSourceSchema>;

const stateSchema = z.object({
  source: chosenSourceSchema,
  pinned: revisionSchema.nullable(),
  newest: revisionSchema.nullable(),
});
export type SourceState = z.infer<typeof stateSchema>;

/** Contents in base64, by path. */
const keptSchema = z.object({ files: z.record(z.string(), z.string()) });

export class SourceStore {
  readonly #folder: string;
  readonly #state: JsonFile<SourceState>;

  constructor(dataFolder: string) {
    this.#folder = join(dataFolder, "production");
    this.#state = new JsonFile({
      path: join(this.#folder, "state.json"),
      schema: stateSchema,
      version: VERSION,
      initial: () => ({
        source: { kind: "git", url: PRODUCTION_REPOSITORY, reference: null },
        pinned: null,
        newest: null,
      }),
    });
  }

  /** Throws `data_folder`. */
  read(): SourceState {
    return this.#state.read();
  }

  /** Throws `disk_full` or `data_folder`. Files of revisions that are no longer named go. */
  write(state: SourceState): void {
    this.#state.write(state);
    const named = new Set([state.pinned, state.newest].map((revision) => `${revision?.id}.json`));
    for (const file of this.#keptFiles()) {
      if (!named.has(file)) rmSync(join(this.#revisions, file), { force: true });
    }
  }

  /** Throws `disk_full` or `data_folder`. */
  keep({ id }: Pick<Revision, "id">, files: SourceFiles): void {
    const encoded = [...files].map(([path, content]) => [path, Buffer.from(content).toString("base64")] as const);
    this.#kept(id).write({ files: Object.fromEntries(encoded) });
  }

  /** Throws `not_found` where its files are gone. */
  files({ id, label }: Pick<Revision, "id" | "label">): SourceFiles {
    const { files } = this.#kept(id).read();
    if (Object.keys(files).length === 0)
      throw new CrusaderError("not_found", `The files of ${label} are gone.`, "Fetch the source again.");
    return new Map(Object.entries(files).map(([path, text]) => [path, new Uint8Array(Buffer.from(text, "base64"))]));
  }

  /** A place of our own for what is made and thrown away. */
  temporaryFolder(): string {
    const folder = join(this.#folder, "fetching");
    ensureFolder(folder);
    return folder;
  }

  get #revisions(): string {
    return join(this.#folder, "revisions");
  }

  #kept(id: string) {
    return new JsonFile({
      path: join(this.#revisions, `${id}.json`),
      schema: keptSchema,
      version: VERSION,
      initial: (): z.infer<typeof keptSchema> => ({ files: {} }),
    });
  }

  #keptFiles(): string[] {
    try {
      return readdirSync(this.#revisions);
    } catch {
      return [];
    }
  }
}
