/**
 * What the Hugging Face hub tells of a model, a tokenizer or a data set before a build that needs it: whether it is there,
 * how much it is, and whether it is handed out. A hub that does not answer stands in nobody's way.
 */
import { z } from "zod";

export type HubKind = "models" | "datasets";

export type HubAnswer =
  | {
      state: "found";
      /** Handed out to those only who accepted its licence. */
      gated: boolean;
      /** Of the files that `bytesOf` was asked about; null where the hub does not say. */
      bytes: number | null;
      /** With the token that was given; "unknown" where it is gated and the hub did not say. */
      access: "granted" | "refused" | "unknown";
    }
  | { state: "missing" }
  | { state: "unknown"; why: string };

const LIMIT_MS = 6000;
const MAX_ANSWER_BYTES = 8 * 1024 * 1024;

const repositorySchema = z.object({
  gated: z.union([z.boolean(), z.string()]).default(false),
  siblings: z.array(z.object({ rfilename: z.string(), size: z.number().nonnegative().optional() })).default([]),
});

const REPOSITORY = /^\w[\w.-]{0,95}(?:\/\w[\w.-]{0,95})?$/;

/** "name" or "owner/name", as the hub allows them; nothing else is ever put into an address, or given to a build. */
export function isHubName(name: string): boolean {
  return REPOSITORY.test(name) && !name.includes("..");
}

export class Hub {
  readonly #address: string;

  /** `address`: without a slash at its end. */
  constructor(address: string) {
    this.#address = address;
  }

  /** Where a person accepts the licence. */
  page(kind: HubKind, name: string): string {
    return `${this.#address}/${kind === "datasets" ? "datasets/" : ""}${name}`;
  }

  /** `isWanted`: which files count for `bytes`. The token goes to the hub's address and nowhere else. */
  async ask(
    kind: HubKind,
    name: string,
    { token, isWanted, signal }: { token: string | null; isWanted: (file: string) => boolean; signal?: AbortSignal },
  ): Promise<HubAnswer> {
    if (!isHubName(name)) return { state: "missing" };
    const path = `${this.#address}/api/${kind}/${name}`;
    try {
      // Without the token first: a wrong one would hide what everybody may see.
      const open = await this.#get(`${path}?blobs=true`, null, signal);
      const isHidden = open.status === 401 || open.status === 404;
      const answer = isHidden && token !== null ? await this.#get(`${path}?blobs=true`, token, signal) : open;
      // The hub says 401 for what there is not, too, so as not to tell.
      if (answer.status === 404 || answer.status === 401) return { state: "missing" };
      if (answer.status !== 200) return { state: "unknown", why: `it answers with status ${answer.status}` };
      const repository = repositorySchema.safeParse(JSON.parse(answer.text));
      if (!repository.success) return { state: "unknown", why: "its answer cannot be understood" };
      const { gated, siblings } = repository.data;
      const sizes = siblings.filter(({ rfilename }) => isWanted(rfilename)).map(({ size }) => size);
      const bytes = sizes.length === 0 || sizes.includes(undefined) ? null : sum(sizes as number[]);
      const isGated = gated !== false && gated !== "";
      return {
        state: "found",
        gated: isGated,
        bytes,
        access: isGated ? await this.#access(path, token, signal) : "granted",
      };
    } catch (error) {
      signal?.throwIfAborted();
      return {
        state: "unknown",
        why: error instanceof SyntaxError ? "its answer cannot be understood" : "it does not answer",
      };
    }
  }

  async #access(path: string, token: string | null, signal: AbortSignal | undefined) {
    if (token === null) return "refused" as const;
    const { status } = await this.#get(`${path}/auth-check`, token, signal);
    return status === 200
      ? ("granted" as const)
      : status === 401 || status === 403
        ? ("refused" as const)
        : ("unknown" as const);
  }

  async #get(url: string, token: string | null, signal: AbortSignal | undefined) {
    const limit = AbortSignal.timeout(LIMIT_MS);
    const response = await fetch(url, {
      headers: token === null ? {} : { authorization: `Bearer ${token}` },
      // A renamed model is redirected; a token stays with the address it was sent to.
      redirect: token === null ? "follow" : "manual",
      signal: signal === undefined ? limit : AbortSignal.any([limit, signal]),
    });
    let text = "";
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk, { stream: true });
      if (text.length > MAX_ANSWER_BYTES) throw new Error("too long");
    }
    return { status: response.status, text };
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
