/** What a file says of itself before it runs: the ranks it declares, and what the scan finds. */
import type { Client } from "../../../common/contract.ts";
import { CrusaderError } from "../../../common/errors.ts";
import type { CodeOrigin } from "../../../common/runs.ts";
import type { ScanReport } from "../../../common/scan.ts";
import type { Target } from "../../../common/simulation.ts";
import type { FileReference } from "../../../common/workspace.ts";

type Reading = {
  workspace: Pick<Client["workspace"], "read" | "readTemplate">;
  runs: Pick<Client["runs"], "source" | "originOf">;
  arena: Pick<Client["arena"], "submission">;
  scan: Client["scan"];
};

export type Declared = Pick<ScanReport, "verdict" | "cudaNeeds"> & {
  /** Number of ranks the file fits; null where any does ("ddp"), or where the scan cannot tell. */
  numRanks: number | null;
  /** Where the code was imported from; null for one's own. Another's runs in a sandbox only. */
  origin: CodeOrigin | null;
};

export async function readDeclared(client: Reading, target: Target, signal?: AbortSignal): Promise<Declared> {
  const { text, origin = null } = await codeOf(client, target, signal);
  const options = signal === undefined ? undefined : { signal };
  // A strategy given as a word follows the number it is asked with, a literal does not.
  const [two, three] = await Promise.all([2, 3].map((numGpus) => client.scan.scan({ text, numGpus }, options)));
  const [a, b] = [two as ScanReport, three as ScanReport];
  const size = ({ strategy }: ScanReport) => (strategy === null ? 1 : strategy.dp_size * strategy.tp_size);
  const isKnown = a.verdict.kind !== "syntax" && size(a) === size(b);
  return { verdict: a.verdict, cudaNeeds: a.cudaNeeds, numRanks: isKnown ? size(a) : null, origin };
}

async function ownedFile(client: Reading, file: FileReference, options: { signal: AbortSignal } | undefined) {
  const { text, version } = await client.workspace.read(file, options);
  const { origin } = await client.runs.originOf({ sha256: version, file }, options);
  return { text, origin };
}

async function codeOf(
  client: Reading,
  target: Target,
  signal: AbortSignal | undefined,
): Promise<{ text: string; origin?: CodeOrigin | null }> {
  const options = signal === undefined ? undefined : { signal };
  switch (target.kind) {
    case "text":
      return target;
    case "file":
      return ownedFile(client, target.file, options);
    case "template":
      return client.workspace.readTemplate({ name: target.name }, options);
    case "run":
      return client.runs.source({ runId: target.runId }, options);
    case "submission": {
      const { source, submissionId } = target;
      const { code, codeProblem, seenAt } = await client.arena.submission({ source, submissionId }, options);
      if (code === null) throw new CrusaderError("not_found", codeProblem);
      return { text: code.text, origin: { source, submissionId, seenAt } };
    }
  }
}
