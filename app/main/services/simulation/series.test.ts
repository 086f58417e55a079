import { expect, test } from "vitest";
import { reasonsNotComparable } from "./series.ts";

const plan = {
  profile: { name: "p", kind: "production", sha256: "", content: { docker: { num_gpus: 2 }, evaluation_runs: 1 } },
  numRanks: 2,
  seeds: ["a"],
  seedFixed: false,
} as const;
const note = (id: string) => ({ notes: [{ id, level: "warning", message: "", line: null } as const] });

test("ranks whose times differ make a score incomparable: only the smallest of them counts", () => {
  const always = "evaluated by Crusader on this machine, not in the validator's image on its GPUs";
  const mutablePlan = { ...plan, seeds: [...plan.seeds] };
  expect(reasonsNotComparable(mutablePlan, [note("no_sandbox")])).toEqual([always]);
  expect(reasonsNotComparable(mutablePlan, [note("no_sandbox"), note("ranks_diverge")])).toEqual([
    always,
    "the ranks' times differ by more than a tenth; only the smallest counts",
  ]);
});
