/**
 * The rules in force: the scan policy that Crusader came with, or what was taken over from the production source. Kept in
 * `<data folder>/production/in-force.json`, read anew each time, as other processes may change it.
 */
import { createHash } from "node:crypto";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { revisionSchema } from "../../../common/production.ts";
import { type PolicyInForce, type ScanPolicy, scanPolicySchema } from "../../../common/scan.ts";
import { JsonFile } from "../storage/index.ts";
import { Revision } from "../streams/index.ts";

/** Raised when a reader of the old version would misread the new one. */
const VERSION = 1;
const BUILT_IN = "built-in";

const appliedSchema = z.object({
  revision: revisionSchema.pick({ id: true, label: true }),
  appliedAt: z.iso.datetime(),
  /** Null: only the profile was taken over. */
  policy: scanPolicySchema.nullable(),
  /** The profile's name and the hash of its file, so that nobody else's is removed. Null: only the policy was taken over. */
  profile: z.object({ name: z.string(), sha256: z.string() }).nullable(),
});
export type AppliedRules = z.infer<typeof appliedSchema>;

export type RulesOptions = {
  dataFolder: string;
  /** `hparams/scan-policy.json`. */
  builtInPolicyFile: string;
};

export class Rules {
  readonly #path: string;
  readonly #file: JsonFile<{ applied: AppliedRules | null }>;
  readonly #builtInPolicyFile: string;
  readonly #revision = new Revision();

  constructor({ dataFolder, builtInPolicyFile }: RulesOptions) {
    this.#path = join(dataFolder, "production", "in-force.json");
    this.#builtInPolicyFile = builtInPolicyFile;
    this.#file = new JsonFile({
      path: this.#path,
      schema: z.object({ applied: appliedSchema.nullable() }),
      version: VERSION,
      initial: () => ({ applied: null }),
    });
  }

  /** What was taken over; null: nothing. Throws `data_folder`. */
  applied(): AppliedRules | null {
    return this.#file.read().applied;
  }

  /** Throws `data_folder`. */
  policy(): PolicyInForce {
    const applied = this.applied();
    if (applied?.policy == null) return this.builtInPolicy();
    return policyInForce(applied.policy, `source ${applied.revision.label}`);
  }

  builtInPolicy(): PolicyInForce {
    return policyInForce(scanPolicySchema.parse(JSON.parse(readFileSync(this.#builtInPolicyFile, "utf8"))), BUILT_IN);
  }

  /** Throws `disk_full` or `data_folder`; then nothing has changed. */
  apply(applied: AppliedRules): void {
    this.#file.write({ applied });
    this.#revision.advance();
  }

  /** Back to the built-in rules. */
  revert(): void {
    rmSync(this.#path, { force: true });
    this.#revision.advance();
  }

  /** The policy in force, and again when it is another one, also where another process changed it. */
  async *watchPolicy(signal: AbortSignal | undefined, lookEveryMs: number): AsyncGenerator<PolicyInForce> {
    let shown = "";
    while (signal?.aborted !== true) {
      const seen = this.#revision.number;
      const policy = this.policy();
      if (policy.sha256 !== shown) yield policy;
      shown = policy.sha256;
      await this.#revision.next(seen, signal, lookEveryMs);
    }
  }
}

function policyInForce(policy: ScanPolicy, origin: string): PolicyInForce {
  return { policy, sha256: policySha256(policy), origin };
}

/** Equal for equal rules, whatever the order they are written in. */
export function policySha256(policy: ScanPolicy): string {
  const ordered = Object.entries(policy)
    .map(([key, value]) => [key, Array.isArray(value) ? [...new Set(value)].sort() : value] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash("sha256").update(JSON.stringify(ordered)).digest("hex");
}
