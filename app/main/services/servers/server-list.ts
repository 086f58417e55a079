/** The evaluation servers a person named: addresses in `<data folder>/servers.json`, tokens among the secrets. */
import { join } from "node:path";
import { z } from "zod";
import { CrusaderError } from "../../../common/errors.ts";
import type { EvaluationServer, ServerCheck, ShownServer } from "../../../common/servers.ts";
import { evaluationServerSchema, isPlain, MAX_SERVERS } from "../../../common/servers.ts";
import type { Secrets } from "../settings/index.ts";
import { JsonFile } from "../storage/index.ts";
import { checkHealth } from "./server-client.ts";

const SERVERS_VERSION = 1;
const storedSchema = z.object({ servers: z.array(evaluationServerSchema) });

/** A server with its token, for requests only. */
export type Access = EvaluationServer & { token: string | null };

export class ServerList {
  readonly #file: JsonFile<z.infer<typeof storedSchema>>;
  readonly #secrets: Secrets;

  constructor({ dataFolder, secrets }: { dataFolder: string; secrets: Secrets }) {
    this.#secrets = secrets;
    this.#file = new JsonFile({
      path: join(dataFolder, "servers.json"),
      schema: storedSchema,
      version: SERVERS_VERSION,
      initial: () => ({ servers: [] }),
    });
  }

  /** The last list that could not be used since this object was made: where it lies now, and why. */
  get setAside(): { file: string; reason: string } | null {
    return this.#file.setAside;
  }

  list(): ShownServer[] {
    return this.#file.read().servers.map((server) => ({
      ...server,
      isPlain: isPlain(server.address),
      hasToken: this.#secrets.read(secretOf(server)) !== null,
    }));
  }

  /**
   * Adds a server, or with `replace` puts it in the place of the one of that name; without a token it then has none,
   * unless it is to keep the one that was given with the same address. Throws `conflict` where the name is
   * taken, `too_large` where there are too many, `disk_full`, `data_folder`.
   */
  add(server: EvaluationServer, token: string | null, { replace = false, keepToken = false } = {}): ShownServer[] {
    const { servers } = this.#file.read();
    const old = servers.find(({ name }) => name === server.name);
    if (old !== undefined && !replace) {
      throw new CrusaderError(
        "conflict",
        `There is a server named ${server.name} already, at ${old.address}.`,
        "Remove it first, replace it, or take another name. Nothing was changed.",
      );
    }
    if (old === undefined && servers.length >= MAX_SERVERS) {
      throw new CrusaderError("too_large", `There are ${MAX_SERVERS} servers already.`, "Remove one.");
    }
    // First the secret: a server without its token would be refused, a token without its server harms nobody.
    if (token === null && !keepToken) this.#secrets.remove(secretOf(server));
    else if (token !== null) this.#secrets.write(secretOf(server), token);
    this.#file.write({ servers: [...servers.filter(({ name }) => name !== server.name), server] });
    if (old !== undefined && old.address !== server.address) this.#secrets.remove(secretOf(old));
    return this.list();
  }

  /** Forgets it and its token. Throws `not_found`. */
  remove(name: string): ShownServer[] {
    const server = this.#find(name);
    this.#file.write({ servers: this.#file.read().servers.filter((other) => other.name !== name) });
    this.#secrets.remove(secretOf(server));
    return this.list();
  }

  /** What a request needs. Throws `not_found`. */
  access(name: string): Access {
    const server = this.#find(name);
    return { ...server, token: this.#secrets.read(secretOf(server)) };
  }

  /** Whether it answers. Throws `not_found`. */
  async check(name: string, signal?: AbortSignal): Promise<ServerCheck> {
    const access = this.access(name);
    const startedAt = performance.now();
    const problem = await checkHealth(access, signal);
    return { name, problem: problem?.report() ?? null, milliseconds: Math.round(performance.now() - startedAt) };
  }

  #find(name: string): EvaluationServer {
    const { servers } = this.#file.read();
    const server = servers.find((other) => other.name === name);
    if (server !== undefined) return server;
    const names = servers.map((other) => other.name).join(", ");
    throw new CrusaderError(
      "not_found",
      `There is no evaluation server named ${name}.`,
      names === "" ? "Name one: crusader servers add NAME ADDRESS" : `There are: ${names}.`,
    );
  }
}

/** Bound to the address: a name that comes to mean another box takes no token along. */
function secretOf({ name, address }: EvaluationServer): string {
  return `evaluation server ${name} ${address}`;
}
