/** A snapshot's reading: `crusades_eval/production_source.py` in Pyodide, in a thread that lives for one reading. */
import { Worker } from "node:worker_threads";
import { CrusaderError } from "../../../common/errors.ts";
import { type Reading, readingSchema } from "../../../common/production.ts";
import type { ReaderMessage, ReaderSetup } from "./reader-worker.ts";

export type ReaderOptions = ReaderSetup & {
  /** Loading Pyodide takes 2 s, reading the validator's repository less; a slow machine may need several times that. */
  timeLimitMs?: number;
  signal?: AbortSignal | undefined;
};

const DEFAULT_TIME_LIMIT_MS = 60_000;

/** Throws `fetch_failed` where the files bring the reader down or take it longer than the limit, or the signal's reason. */
export async function readSnapshot({
  timeLimitMs = DEFAULT_TIME_LIMIT_MS,
  signal,
  ...setup
}: ReaderOptions): Promise<Reading> {
  signal?.throwIfAborted();
  const worker = new Worker(new URL("./reader-worker.ts", import.meta.url), {
    workerData: setup satisfies ReaderSetup,
    // Flags of the process that are meant for its own input (--input-type) would fail the thread.
    execArgv: [],
    // Enough for Pyodide and 32 MB of files; more is an attack.
    resourceLimits: { maxOldGenerationSizeMb: 1024 },
  });
  const answer = Promise.withResolvers<string>();
  worker.once("message", ({ readingJson }: ReaderMessage) => answer.resolve(readingJson));
  worker.once("error", (error) => answer.reject(unreadable("brings the reader down", error)));
  worker.once("exit", () => answer.reject(unreadable("ended the reader")));
  const timer = setTimeout(
    () => answer.reject(unreadable(`takes longer than ${timeLimitMs / 1000} s to read`)),
    timeLimitMs,
  );
  const abort = () => answer.reject(signal?.reason);
  signal?.addEventListener("abort", abort, { once: true });
  try {
    return parsed(await answer.promise);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
    await worker.terminate();
  }
}

/** Numbers and names of others: what JSON or the schema cannot hold is theirs, too. */
function parsed(readingJson: string): Reading {
  try {
    return readingSchema.parse(JSON.parse(readingJson));
  } catch (error) {
    throw unreadable("holds values that no rule has", error as Error);
  }
}

function unreadable(why: string, error?: Error): CrusaderError {
  return new CrusaderError(
    "fetch_failed",
    `What was fetched ${why}. The rules in force stay as they are.`,
    "Choose another commit or a local folder.",
    error?.stack ?? "",
  );
}
