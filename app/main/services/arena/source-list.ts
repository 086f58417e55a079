/** The arena's sources: where they are in `<data folder>/arena-sources.json`, API keys among the secrets. */
import { join } from "node:path";
import { z } from "zod";
import { type ArenaSource, arenaSourceSchema, MAX_ARENA_SOURCES } from "../../../common/arena.ts";
import { CrusaderError } from "../../../common/errors.ts";
import type { Secrets } from "../settings/index.ts";
import { JsonFile } from "../storage/index.ts";

const SOURCES_VERSION = 1;
const storedSchema = z.object({ sources: z.array(arenaSourceSchema) });

export class SourceList {
  readonly #file: JsonFile<z.infer<typeof storedSchema>>;
  readonly #secrets: Secrets;

  constructor({ dataFolder, secrets }: { dataFolder: string; secrets: Secrets }) {
    this.#secrets = secrets;
    this.#file = new JsonFile({
      path: join(dataFolder, "arena-sources.json"),
      schema: storedSchema,
      version: SOURCES_VERSION,
      initial: () => ({ sources: [] }),
    });
  }

  get setAside(): { file: string; reason: string } | null {
    return this.#file.setAside;
  }

  list(): ArenaSource[] {
    return this.#file.read().sources;
  }

  /** Throws `not_found`. */
  find(name: string): ArenaSource {
    const sources = this.list();
    const source = sources.find((other) => other.name === name);
    if (source !== undefined) return source;
    const names = sources.map((other) => other.name).join(", ");
    throw new CrusaderError(
      "not_found",
      `There is no source named ${name}.`,
      names === "" ? "Name one: crusader arena add NAME ADDRESS" : `There are: ${names}.`,
    );
  }

  /** Bound to the address: a name that comes to mean another server takes no key along. */
  apiKeyOf(source: ArenaSource): string | null {
    return source.place.kind === "api" ? this.#secrets.read(secretOf(source)) : null;
  }

  /**
   * Adds a source, or with `replace` puts it in the place of the one of that name; it has no key then but the given one, or,
   * with `keepApiKey`, the one that was given with the same address. Returns the one that was there. Throws `conflict` where
   * the name is taken, `too_large`, `disk_full`, `data_folder`.
   */
  add(
    source: ArenaSource,
    apiKey: string | null,
    { replace = false, keepApiKey = false }: { replace?: boolean; keepApiKey?: boolean } = {},
  ): ArenaSource | null {
    const sources = this.list();
    const old = sources.find(({ name }) => name === source.name) ?? null;
    if (old !== null && !replace) {
      throw new CrusaderError(
        "conflict",
        `There is a source named ${source.name} already, at ${placeText(old)}.`,
        "Remove it first, replace it, or take another name. Nothing was changed.",
      );
    }
    if (old === null && sources.length >= MAX_ARENA_SOURCES) {
      throw new CrusaderError("too_large", `There are ${MAX_ARENA_SOURCES} sources already.`, "Remove one.");
    }
    if (apiKey !== null) this.#secrets.write(secretOf(source), apiKey);
    else if (!keepApiKey) this.#secrets.remove(secretOf(source));
    this.#file.write({ sources: [...sources.filter(({ name }) => name !== source.name), source] });
    if (old !== null && placeText(old) !== placeText(source)) this.#secrets.remove(secretOf(old));
    return old;
  }

  /** Forgets it and its key. Throws `not_found`. */
  remove(name: string): void {
    const source = this.find(name);
    this.#file.write({ sources: this.list().filter((other) => other.name !== name) });
    this.#secrets.remove(secretOf(source));
  }
}

export function placeText({ place }: Pick<ArenaSource, "place">): string {
  return place.kind === "api" ? place.address : place.path;
}

function secretOf(source: ArenaSource): string {
  return `arena source ${source.name} ${placeText(source)}`;
}
