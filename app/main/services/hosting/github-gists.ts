/**
 * Gists, through GitHub's API. The token goes to the API's address and nowhere else, and into no message; an answer is
 * anybody's text until a schema has passed it.
 */
import { z } from "zod";
import { GIST_HOST } from "../../../common/addresses.ts";
import { CrusaderError } from "../../../common/errors.ts";
import { gistIdSchema } from "../../../common/hosting.ts";

const LIMIT_MS = 30_000;
const MAX_ANSWER_BYTES = 8 * 1024 * 1024;
/** Of what GitHub says about its refusal, as much is shown. */
const MAX_SAID_CHARACTERS = 300;
const CREATED = 201;
const OK = 200;

const gistAnswerSchema = z.object({
  id: gistIdSchema,
  owner: z.object({ login: z.string().regex(/^[\w-]{1,64}$/) }),
  files: z.record(z.string(), z.object({ content: z.string().optional(), truncated: z.boolean().optional() })),
});
type GistAnswer = z.infer<typeof gistAnswerSchema>;

export type GistRequest = {
  token: string;
  fileName: string;
  text: string;
  description: string;
  signal?: AbortSignal | undefined;
};

export class GitHubGists {
  readonly #address: string;

  /** `address`: without a slash at its end. */
  constructor(address: string) {
    this.#address = address;
  }

  /** A new secret gist with this one file. Throws `publish_failed`, or the signal's reason. */
  async create({ token, fileName, text, description, signal }: GistRequest): Promise<{ id: string; url: string }> {
    const body = { description, public: false, files: { [fileName]: { content: text } } };
    const answer = await this.#ask({ method: "POST", path: "/gists", body, token, signal });
    return held(gistOf(answer, CREATED), fileName, text);
  }

  /** Replaces the one file of a gist. Throws `publish_failed`, `conflict` for a gist of several files, or the signal's reason. */
  async update(
    id: string,
    { token, fileName, text, description, signal }: GistRequest,
  ): Promise<{ id: string; url: string }> {
    const path = `/gists/${id}`;
    const { files } = gistOf(await this.#ask({ method: "GET", path, token, signal }), OK);
    const names = Object.keys(files);
    const [oldName] = names;
    if (names.length !== 1 || oldName === undefined) {
      throw new CrusaderError(
        "conflict",
        `The gist holds ${names.length} files, and the validator takes the first: nothing was changed.`,
        "Publish a new gist, or remove the other files on GitHub.",
      );
    }
    const body = { description, files: { [oldName]: { filename: fileName, content: text } } };
    return held(gistOf(await this.#ask({ method: "PATCH", path, body, token, signal }), OK), fileName, text);
  }

  async #ask({ method, path, body, token, signal }: Question): Promise<Answer> {
    const limit = AbortSignal.timeout(LIMIT_MS);
    try {
      const response = await fetch(`${this.#address}${path}`, {
        method,
        headers: {
          accept: "application/vnd.github+json",
          authorization: `Bearer ${token}`,
          "user-agent": "crusader",
          "x-github-api-version": "2022-11-28",
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        // A token stays with the address it was sent to.
        redirect: "manual",
        signal: signal === undefined ? limit : AbortSignal.any([limit, signal]),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return { status: response.status, headers: response.headers, text: await textOf(response) };
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof CrusaderError) throw error;
      throw failed(
        limit.aborted ? `GitHub did not answer within ${LIMIT_MS / 1000} s` : "The connection to GitHub failed",
        method === "GET"
          ? "Nothing was changed. Check this machine's network, then publish again."
          : "Whether the gist was made or changed is not known: look at your gists on GitHub before you publish again.",
        causeOf(error),
      );
    }
  }
}

type Question = {
  method: "GET" | "POST" | "PATCH";
  path: string;
  body?: object;
  token: string;
  signal: AbortSignal | undefined;
};
type Answer = { status: number; headers: Headers; text: string };

async function textOf(response: Response): Promise<string> {
  const pieces: Uint8Array[] = [];
  let byteCount = 0;
  for await (const piece of response.body ?? []) {
    byteCount += piece.length;
    if (byteCount > MAX_ANSWER_BYTES) throw failed("GitHub's answer is too long", LOOK_FIRST);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString("utf8");
}

const LOOK_FIRST = "Look at your gists on GitHub before you publish again.";

function gistOf(answer: Answer, expected: number): GistAnswer {
  if (answer.status !== expected) throw refusal(answer);
  const gist = gistAnswerSchema.safeParse(jsonOf(answer.text));
  if (!gist.success) throw failed("GitHub's answer cannot be understood", LOOK_FIRST, z.prettifyError(gist.error));
  return gist.data;
}

/** Where the gist is, if it holds the very text under that name and nothing else. */
function held({ id, owner, files }: GistAnswer, fileName: string, text: string): { id: string; url: string } {
  const url = `https://${GIST_HOST}/${owner.login}/${id}`;
  const file = Object.hasOwn(files, fileName) ? files[fileName] : undefined;
  // A long text is cut off in the answer; the check of what lies there compares the whole.
  const isHeld = file?.content === text || (file?.truncated === true && text.startsWith(file.content ?? "\0"));
  if (isHeld && Object.keys(files).length === 1) return { id, url };
  throw failed("GitHub does not hold the file as it is", "Delete the gist, and use another host.", url);
}

function refusal({ status, headers, text }: Answer): CrusaderError {
  const said = z.object({ message: z.string() }).safeParse(jsonOf(text));
  const detail = `${status} ${said.success ? said.data.message : text}`.slice(0, MAX_SAID_CHARACTERS);
  const isExhausted = headers.get("x-ratelimit-remaining") === "0" || headers.has("retry-after") || status === 429;
  if (status === 401)
    return failed("GitHub does not take the token", "Make a new one and give it to Crusader.", detail);
  if (isExhausted && (status === 403 || status === 429)) {
    return failed("GitHub takes no more requests for now", "Wait some minutes, then publish again.", detail);
  }
  if (status === 403 || status === 404) {
    const what = "GitHub refuses: the token may not write gists, or the gist is gone, or is one of another account's";
    return failed(what, "Give Crusader a token that may write gists, or publish a new gist.", detail);
  }
  if (status === 422) return failed("GitHub refuses the file", "See what it says about it.", detail);
  if (status >= 500) return failed(`GitHub failed (${status})`, LOOK_FIRST, detail);
  return failed(`GitHub answered ${status}`, LOOK_FIRST, detail);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function causeOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return cause instanceof Error ? cause.message : "";
}

function failed(what: string, hint: string, detail = ""): CrusaderError {
  return new CrusaderError("publish_failed", `${what}.`, hint, detail);
}
