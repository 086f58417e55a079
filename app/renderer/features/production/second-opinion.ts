/** Asks the validator's own scanner about files, and sets its verdicts beside ours. */
import type { Scanner as FoundScanner, Revision } from "../../../common/production.ts";
import type { Verdict } from "../../../common/scan.ts";
import { client } from "../../client.ts";
import { agreementOf, unasked } from "./answers.ts";
import { type OpinionBatch, secondOpinion } from "./opinion-store.ts";
import { Sandbox, type Scanner } from "./sandbox.ts";

/** Sandboxes for one batch: a scanner that kills one on each file is not asked about them all. */
const MAX_SANDBOXES = 5;

export type AskedFile = { name: string; text: string; numGpus?: number };

/** What runs in the sandbox; imports from the future stand first, as the language wants it. */
export function scannerSource({ definitions, entry }: FoundScanner): Scanner {
  const sources = definitions.map(({ source }) => source);
  const isFirst = (source: string) => source.startsWith("from __future__");
  const ordered = [...sources.filter(isFirst), ...sources.filter((source) => !isFirst(source))];
  return { definitions: `${ordered.join("\n\n\n")}\n`, entry: entry.name };
}

/** Asks about each file in turn; nothing else is being asked meanwhile. Fails where our own scanner does. */
export async function askAll(
  revision: Revision,
  scanner: FoundScanner,
  files: readonly AskedFile[],
  ours: (file: AskedFile) => Promise<Verdict> = ourVerdict,
): Promise<void> {
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
