/**
 * The scan policies of the revisions that were ever fetched here, by when each was committed, in
 * `<data folder>/production/policies.json`: a submission is also held to the rules of its time.
 */
import { join } from "node:path";
import { z } from "zod";
import type { Revision } from "../../../common/production.ts";
import { type ScanPolicy, scanPolicySchema } from "../../../common/scan.ts";
import { JsonFile } from "../storage/index.ts";

/** Raised when a reader of the old version would misread the new one. */
const VERSION = 1;
/** A policy has some kilobytes. */
const MAX_POLICIES = 200;

const datedPolicySchema = z.object({
  revisionId: z.string(),
  label: z.string(),
  committedAt: z.iso.datetime(),
  policy: scanPolicySchema,
});
export type DatedPolicy = z.infer<typeof datedPolicySchema>;

export class DatedPolicies {
  readonly #file: JsonFile<{ policies: DatedPolicy[] }>;

  constructor(dataFolder: string) {
    this.#file = new JsonFile({
      path: join(dataFolder, "production", "policies.json"),
      schema: z.object({ policies: z.array(datedPolicySchema) }),
      version: VERSION,
      initial: () => ({ policies: [] }),
    });
  }

  /** Throws `data_folder`. */
  has({ id }: Pick<Revision, "id">): boolean {
    return this.#file.read().policies.some(({ revisionId }) => revisionId === id);
  }

  /** A folder's state has no date, and is not kept. Throws `disk_full` or `data_folder`. */
  keep({ id, label, committedAt }: Pick<Revision, "id" | "label" | "committedAt">, policy: ScanPolicy): void {
    if (committedAt === null) return;
    const others = this.#file.read().policies.filter(({ revisionId }) => revisionId !== id);
    const policies = [...others, { revisionId: id, label, committedAt, policy }];
    policies.sort((a, b) => Date.parse(a.committedAt) - Date.parse(b.committedAt));
    this.#file.write({ policies: policies.slice(-MAX_POLICIES) });
  }

  /** That of the last commit which is not after `timeMs` (milliseconds since 1970); null where none is known. */
  at(timeMs: number): DatedPolicy | null {
    return this.#file.read().policies.findLast(({ committedAt }) => Date.parse(committedAt) <= timeMs) ?? null;
  }
}
