/**
 * What only the services may know: a word behind a name, in `<data folder>/secrets.json`, which only its owner may read.
 * Nothing here reaches the window, an argument list, a log or a run's record.
 */
import { chmodSync, statSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { JsonFile } from "../storage/index.ts";

/** What a store of secrets offers, whoever keeps them. */
export interface Secrets {
  /** Null where there is none. Throws `data_folder`. */
  read(name: string): string | null;
  /** Throws `disk_full` or `data_folder`; then nothing has changed. */
  write(name: string, secret: string): void;
  /** One that is not there is no error. Throws as `write` does. */
  remove(name: string): void;
}

const SECRETS_VERSION = 1;
const secretsSchema = z.object({ secrets: z.record(z.string(), z.string()) });

export class FileSecrets implements Secrets {
  readonly #path: string;
  readonly #file: JsonFile<z.infer<typeof secretsSchema>>;

  constructor({ dataFolder }: { dataFolder: string }) {
    this.#path = join(dataFolder, "secrets.json");
    this.#file = new JsonFile({
      path: this.#path,
      schema: secretsSchema,
      version: SECRETS_VERSION,
      initial: () => ({ secrets: {} }),
    });
  }

  read(name: string): string | null {
    const { secrets } = this.#content();
    return Object.hasOwn(secrets, name) ? (secrets[name] ?? null) : null;
  }

  write(name: string, secret: string): void {
    const { secrets } = this.#content();
    this.#file.write({ secrets: { ...secrets, [name]: secret } });
  }

  remove(name: string): void {
    const { secrets } = this.#content();
    if (!Object.hasOwn(secrets, name)) return;
    const { [name]: _removed, ...rest } = secrets;
    this.#file.write({ secrets: rest });
  }

  #content(): z.infer<typeof secretsSchema> {
    // A copy of the folder, or a restored one, may have widened its rights.
    const mode = statSync(this.#path, { throwIfNoEntry: false })?.mode;
    if (mode !== undefined && process.platform !== "win32" && (mode & 0o077) !== 0) chmodSync(this.#path, 0o600);
    return this.#file.read();
  }
}
