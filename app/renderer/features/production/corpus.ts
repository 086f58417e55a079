/** The cases that our own scanner is tested with, as files to ask another scanner about. */
import address from "../../../../fixtures/scan/cases.json?url&no-inline";
import type { AskedFile } from "./second-opinion.ts";

export type Corpus = { suffix: string; cases: readonly CorpusCase[] };
type CorpusCase = {
  name: string;
  source?: string;
  /** Texts and how often each is repeated. */
  parts?: readonly (readonly [string, number])[];
  /** Bytes that are no text. */
  base64?: string;
  /** Without the suffix that makes a complete file of it. */
  whole?: boolean;
  numGpus?: number;
};

export async function loadCorpus(): Promise<AskedFile[]> {
  const response = await fetch(new URL(address, document.baseURI));
  return corpusFiles((await response.json()) as Corpus);
}

/** Without those that are no text: an editor never holds them. */
export function corpusFiles({ suffix, cases }: Corpus): AskedFile[] {
  return cases.flatMap(({ name, source, parts = [], base64, whole = false, numGpus }) => {
    if (base64 !== undefined) return [];
    const text = source ?? parts.map(([part, times]) => part.repeat(times)).join("");
    return [{ name, text: text + (whole ? "" : suffix), ...(numGpus === undefined ? {} : { numGpus }) }];
  });
}
