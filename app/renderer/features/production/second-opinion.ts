/** Asks the validator's own scanner about files, and sets its verdicts beside ours. */
import { createStore } from "zustand/vanilla";
import type { Scanner as FoundScanner, Revision } from "../../../common/production.ts";
import type { Verdict } from "../../../common/scan.ts";
import { client } from "../../client.ts";
import { agreementOf, type Opinion, unasked } from "./answers.ts";
import { Sandbox, type Scanner } from "./sandbox.ts";

/** Sandboxes for one batch: a scanner that kills one on each file is not asked about them all. */
const MAX_SANDBOXES = 5;

export type AskedFile = { name: string; text: string; numGpus?: number };

/** One batch, as it is and as it is exported. */
export type OpinionBatch = {
  /** What the scanner was taken from. */
  revision: Revision;
  scanner: FoundScanner;
  /** How it is called and what it answers for a file that is fine; null where it could not be asked at all. */
  how: string | null;
  /** Why it could not; else empty. */
  why: string;
  opinions: readonly Opinion[];
};

export type SecondOpinionState = {
  /** Null: nothing is being asked. */
  running: { done: number; total: number; cancel: () => void } | null;
  batch: OpinionBatch | null;
};

export const secondOpinion = createStore<SecondOpinionState>(() => ({ running: null, batch: null }));

/** What runs in the sandbox; imports from the future stand first, as the language wants it. */
export function scannerSource({ definitions, entry }: FoundScanner): Scanner {
  const sources = definitions.map(({ source }) => source);
  const isFirst = (source: string) => source.startsWith("from __future__");
  const ordered = [...sources.filter(isFirst), ...sources.filter((source) => !isFirst(source))];
  return { definitions: `${ordered.join("\n\n\n")}\n`, entry: entry.name };
}

/** Asks about each file in turn. A batch that is going on is ended first. Fails where our own scanner does. */
export async function askAll(
  revision: Revision,
  scanner: FoundScanner,
  files: readonly AskedFile[],
  ours: (file: AskedFile) => Promise<Verdict> = ourVerdict,
): Promise<void> {
  secondOpinion.getState().running?.cancel();
  const asking = new Asking(scannerSource(scanner));
  let cancelled = false;
  const cancel = () => {
    cancelled = true;
    asking.end();
    secondOpinion.setState({ running: null });
  };
  let batch: OpinionBatch = { revision, scanner, how: null, why: "", opinions: [] };
  const show = (done: number) => secondOpinion.setState({ batch, running: { done, total: files.length, cancel } });
  show(0);
  try {
    const started = await asking.start();
    if (cancelled) return;
    batch = "why" in started ? { ...batch, why: started.why } : { ...batch, how: started.how };
    for (const file of "why" in started ? [] : files) {
      const [our, their] = [await ours(file), await asking.ask(file.text, file.numGpus ?? 1)];
      if (cancelled) return;
      const opinion = {
        name: file.name,
        text: file.text,
        ours: our,
        theirs: their,
        agreement: agreementOf(our, their),
      };
      batch = { ...batch, opinions: [...batch.opinions, opinion] };
      show(batch.opinions.length);
    }
    secondOpinion.setState({ batch });
  } finally {
    asking.end();
    if (!cancelled) secondOpinion.setState({ running: null });
  }
}

async function ourVerdict({ text, numGpus }: AskedFile): Promise<Verdict> {
  const { verdict } = await client.scan.scan({ text, ...(numGpus === undefined ? {} : { numGpus }) });
  return verdict;
}

/** A sandbox, and another one when it died. */
class Asking {
  readonly #scanner: Scanner;
  #sandbox = new Sandbox();
  #started = 1;
  #ended = false;

  constructor(scanner: Scanner) {
    this.#scanner = scanner;
  }

  start() {
    return this.#sandbox.start(this.#scanner);
  }

  async ask(text: string, numGpus: number) {
    if (!this.#sandbox.isAlive && !this.#ended) {
      if (this.#started === MAX_SANDBOXES)
        return unasked(`it brought ${MAX_SANDBOXES} sandboxes down before this file`);
      this.#sandbox = new Sandbox();
      this.#started += 1;
      const started = await this.start();
      if ("why" in started) return unasked(started.why);
    }
    return this.#sandbox.ask(text, numGpus);
  }

  end(): void {
    this.#ended = true;
    this.#sandbox.end();
  }
}

/** "agrees", "disagrees about 2 of 5 files": the batch in a few words, with the number of files that tells the rest. */
export function inWords({ how, opinions }: OpinionBatch): string {
  if (how === null) return "could not be asked";
  const count = (...wanted: Opinion["agreement"][]) =>
    opinions.filter(({ agreement }) => wanted.includes(agreement)).length;
  const [disagree, skipped, all] = [count("disagree"), count("unasked"), opinions.length];
  if (all === 0) return "was not asked about a file";
  const parts = [
    disagree > 0 && `disagrees about ${disagree} of ${all} ${all === 1 ? "file" : "files"}`,
    disagree === 0 && skipped < all && (all === 1 ? "agrees" : `agrees about ${all - skipped} of ${all} files`),
    skipped > 0 &&
      `could not be asked about ${skipped === all && all === 1 ? "this file" : `${skipped} of ${all} files`}`,
  ];
  return parts.filter((part) => part !== false).join(", ");
}
