/**
 * Looks again and again at what lies at a submission's URL: the validator fetches it some time after the reveal, and what
 * has changed until then, or is gone, fails the submission (spec/chain.md, "What is committed").
 */
import { setTimeout as sleep } from "node:timers/promises";
import { CrusaderError } from "../../../common/errors.ts";
import type { UrlWatched } from "../../../common/submission.ts";
import type { FetchOptions } from "./fetch-code.ts";
import { checkHostedCode } from "./hosted-code.ts";

const SHORTEST_PAUSE_MS = 60_000;
const LONGEST_PAUSE_MS = 600_000;
/** Of the time for which all was well, before it is looked at again. */
const PAUSE_SHARE = 0.1;
/** A single failed fetch may be this machine's network: it is said when a second one, so much later, fails too. */
const SECOND_LOOK_MS = 10_000;

export type Hosted = { committedUrl: string; judgedSha256: string };

export type UrlWatchOptions = {
  /** Milliseconds since 1970. */
  now?: () => number;
  /** Resolves after so many milliseconds; rejects when the signal aborts. */
  wait?: (ms: number, signal: AbortSignal | undefined) => Promise<unknown>;
};

export class UrlWatch {
  readonly #now: () => number;
  readonly #wait: NonNullable<UrlWatchOptions["wait"]>;

  constructor({ now = Date.now, wait = pause }: UrlWatchOptions = {}) {
    this.#now = now;
    this.#wait = wait;
  }

  /**
   * What was found, after every look: at once, then every 60 s, and after long quiet every ten minutes. Never throws for
   * what lies there; ends when `options.signal` aborts. Throws `usage` for no URL.
   */
  async *follow(hosted: Hosted, options: FetchOptions): AsyncGenerator<UrlWatched> {
    const { signal } = options;
    let quietSince: number | null = null;
    try {
      for (let failedBefore = false; signal?.aborted !== true; ) {
        const found = await this.#look(hosted, options);
        if (found.state === "unreachable" && !failedBefore) {
          failedBefore = true;
          await this.#wait(SECOND_LOOK_MS, signal);
          continue;
        }
        failedBefore = found.state === "unreachable";
        yield found;
        const now = this.#now();
        quietSince = found.state === "same" ? (quietSince ?? now) : null;
        await this.#wait(pauseAfter(quietSince === null ? 0 : now - quietSince), signal);
      }
    } catch (error) {
      if (signal?.aborted !== true) throw error;
    }
  }

  async #look(hosted: Hosted, options: FetchOptions): Promise<UrlWatched> {
    const at = (): string => new Date(this.#now()).toISOString();
    try {
      const { findings } = await checkHostedCode(hosted, options);
      const changed = findings.find(({ rule }) => rule === "changed");
      if (changed === undefined) return { state: "same", checkedAt: at(), message: "", hint: "" };
      return { state: "changed", checkedAt: at(), message: "Another file lies at the URL now.", hint: PUT_BACK };
    } catch (error) {
      options.signal?.throwIfAborted();
      if (!(error instanceof CrusaderError) || error.code === "usage") throw error;
      const { code, message, hint } = error;
      if (code === "too_large") return { state: "changed", checkedAt: at(), message, hint: PUT_BACK };
      return { state: "unreachable", checkedAt: at(), message, hint: `${hint} ${KEEP_THERE}`.trim() };
    }
  }
}

const PUT_BACK =
  "Put the submitted file back, byte for byte, before the validator fetches it: it fails the submission otherwise. The submission's own copy is kept.";
const KEEP_THERE = "The submitted file has to lie there until it was evaluated.";

/** How long to wait after all has been well for `quietMs`, both in milliseconds. */
export function pauseAfter(quietMs: number): number {
  return Math.min(LONGEST_PAUSE_MS, Math.max(SHORTEST_PAUSE_MS, PAUSE_SHARE * quietMs));
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<unknown> {
  return sleep(ms, undefined, signal === undefined ? {} : { signal });
}
