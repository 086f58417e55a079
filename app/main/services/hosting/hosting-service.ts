/** Where a submission's file lies: looked at as the validator will, and published as a secret gist. */
import { createHash } from "node:crypto";
import { GITHUB_API } from "../../../common/addresses.ts";
import { hostedCodeFindings, readCodeUrl } from "../../../common/code-url.ts";
import { CrusaderError } from "../../../common/errors.ts";
import { type Gist, gistIdOf, type HostedCheck } from "../../../common/hosting.ts";
import type { Secrets } from "../settings/index.ts";
import type { FetchOptions, Network } from "./fetch-code.ts";
import { GitHubGists } from "./github-gists.ts";
import { checkHostedCode } from "./hosted-code.ts";

/** The file as it was judged, or is to be. */
export type Code = { fileName: string; bytes: Uint8Array };

export type HostingServiceOptions = {
  secrets: Secrets;
  /** URLs that own commitments name, as they were committed. */
  committedUrls: () => ReadonlySet<string>;
  /** Instead of GitHub's API, without a slash at its end; for tests. */
  gitHubAddress?: string;
  /** Instead of the internet; for tests. */
  fetchNetwork?: Network | undefined;
};

const TOKEN_SECRET = "github-gists";

export class HostingService {
  readonly #options: HostingServiceOptions;
  readonly #gists: GitHubGists;
  readonly #network: Pick<FetchOptions, "network">;

  constructor(options: HostingServiceOptions) {
    this.#options = options;
    this.#network = options.fetchNetwork === undefined ? {} : { network: options.fetchNetwork };
    this.#gists = new GitHubGists(options.gitHubAddress ?? GITHUB_API);
  }

  /** What the validator would find at a URL as it was typed. Throws the signal's reason only. */
  async check(typedUrl: string, { fileName, bytes }: Code, options: FetchOptions): Promise<HostedCheck> {
    const judged = { sha256: sha256Of(bytes), byteCount: bytes.length, fileName };
    const { committed, findings } = readCodeUrl(typedUrl, this.#options.committedUrls());
    const found = { committedUrl: committed, fetchedUrls: [], hosted: null, judged, findings };
    if (committed === null) return { ...found, problem: null };
    try {
      const hosted = await checkHostedCode(
        { committedUrl: committed, judgedSha256: judged.sha256 },
        { ...this.#network, ...options },
      );
      return {
        ...found,
        fetchedUrls: hosted.urls,
        hosted: { sha256: hosted.sha256, byteCount: hosted.byteCount },
        findings: [...findings, ...hosted.findings],
        problem: null,
      };
    } catch (error) {
      options.signal?.throwIfAborted();
      if (!(error instanceof CrusaderError)) throw error;
      return { ...found, problem: { message: error.message, hint: error.hint } };
    }
  }

  /**
   * Makes a secret gist of the file, or replaces the file of the gist `gistId`. Throws `usage` for what the validator would
   * not take as a file or where there is no token, `conflict` for a gist that a commitment names, `publish_failed`, or the signal's reason.
   */
  async publishGist(
    { fileName, bytes }: Code,
    { description, gistId, signal }: { description: string; gistId: string | null; signal?: AbortSignal | undefined },
  ): Promise<Gist> {
    const [finding] = hostedCodeFindings(bytes);
    if (finding !== undefined) {
      throw new CrusaderError(
        "usage",
        `The validator would not take ${fileName}; nothing was published.`,
        finding.message,
      );
    }
    const changed = gistId?.toLowerCase();
    const committed = [...this.#options.committedUrls()].find(
      (url) => changed !== undefined && gistIdOf(url)?.toLowerCase() === changed,
    );
    if (committed !== undefined) {
      throw new CrusaderError(
        "conflict",
        "A commitment names this gist: the validator fails the submission if it is changed, and skips a URL that it has seen.",
        "Publish a new gist.",
        committed,
      );
    }
    const token = this.#options.secrets.read(TOKEN_SECRET);
    if (token === null) {
      throw new CrusaderError(
        "usage",
        "There is no token for GitHub.",
        "Give Crusader one that may write gists: beside the URL in the panel Submit, or with `crusader gist token`.",
      );
    }
    const request = { token, fileName, text: Buffer.from(bytes).toString("utf8"), description, signal };
    const gist = await (gistId === null ? this.#gists.create(request) : this.#gists.update(gistId, request));
    return { ...gist, sha256: sha256Of(bytes) };
  }

  /** Throws `data_folder`. */
  hasToken(): boolean {
    return this.#options.secrets.read(TOKEN_SECRET) !== null;
  }

  /** Throws `disk_full` or `data_folder`. */
  setToken(token: string): void {
    this.#options.secrets.write(TOKEN_SECRET, token);
  }

  /** Throws as `setToken` does. */
  removeToken(): void {
    this.#options.secrets.remove(TOKEN_SECRET);
  }
}

function sha256Of(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
