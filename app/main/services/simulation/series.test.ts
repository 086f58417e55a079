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

test("in the validator's container: its GPUs are no reason, others are, and unknown ones are", () => {
  const container = { runProfile: "validator", image: "crusader/production:model" } as const;
  const inContainer = { ...plan, seeds: [...plan.seeds], container };
  const on = (...names: string[]) => ({
    ...note("no_sandbox"),
    gpus: names.map((name) => ({ name, memoryBytes: 80 * 1024 ** 3 })),
  });
  const reasons = (repeats: Parameters<typeof reasonsNotComparable>[1]) => reasonsNotComparable(inContainer, repeats);
  const unknown = "in the validator's container, on GPUs that were not compared with the validator's";
  const a100 = "NVIDIA A100-SXM4-80GB";
  expect(reasons([on(a100, a100), on(a100, a100)])).toEqual([]);
  expect(reasons([on("NVIDIA H200", "NVIDIA H200")])).toEqual([
    "on 2 x NVIDIA H200: the leaderboard's scores are of A100s with 80 GB",
  ]);
  expect(reasons([])).toEqual([unknown]);
  expect(reasons([on(a100, a100), note("no_gpu_telemetry")])).toEqual([unknown]);
});
