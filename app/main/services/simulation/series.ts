/** The rules of a series of repeats (spec/evaluation.md section 5), apart from the score (`app/common/score.ts`). Pure. */
import { imageName } from "../../../common/container-image.ts";
import type { FailureKind } from "../../../common/events.ts";
import { productionText } from "../../../common/format.ts";
import { countedGpus, isValidatorsGpu } from "../../../common/gpus.ts";
import type { ContainerChoice, Plan, RepeatResult } from "../../../common/runs.ts";
import { isFatal } from "../../../common/score.ts";

/** The same for every seed. (Production repeats a scan failure; its outcome stays.) */
const SAME_FOR_EVERY_SEED: readonly FailureKind[] = ["scan", "topology", "needs_cuda", "environment"];

/** Whether no further repeat follows this one. */
export function endsSeries({ outcome, failure }: Pick<RepeatResult, "outcome" | "failure">): boolean {
  if (outcome === "cancelled") return true;
  return failure !== null && (isFatal(failure.code) || SAME_FOR_EVERY_SEED.includes(failure.kind));
}

/**
 * One seed a repeat. A fixed seed S gives S, S-2, S-3...: each is a different one, and any of them can be given again
 * as the fixed seed of a single repeat.
 */
export function seedsOf(repeats: number, fixed: string | undefined, random: () => string): string[] {
  return Array.from({ length: repeats }, (_value, index) => {
    if (fixed === undefined) return random();
    return index === 0 ? fixed : `${fixed}-${index + 1}`;
  });
}

/** Why a score does not compare with the leaderboard's (`RunResult.notComparable`). */
export function reasonsNotComparable(
  plan: Pick<Plan, "profile" | "numRanks" | "seedFixed" | "seeds"> & {
    container?: Pick<ContainerChoice, "runProfile" | "image"> | undefined;
    server?: string | undefined;
    production?: Plan["production"];
  },
  repeats: readonly Pick<RepeatResult, "notes" | "gpus">[] = [],
): string[] {
  const { kind, content } = plan.profile;
  const reasons: string[] = [];
  if (kind === "rehearsal") reasons.push("a rehearsal: a small model on CPU ranks, whose speed says nothing about MFU");
  else if (plan.server !== undefined) {
    reasons.push("measured and reported by an evaluation server, whose GPUs are not known here");
  } else if (plan.container === undefined) {
    reasons.push("evaluated by Crusader on this machine, not in the validator's image on its GPUs");
  } else reasons.push(...gpuReasons(repeats));
  const image = plan.container?.image;
  if (image !== undefined && image !== imageName(content)) reasons.push(`in the image ${image}, not the profile's own`);
  if (plan.production !== undefined) reasons.push(productionText(plan.production));
  if (plan.container?.runProfile === "public") {
    reasons.push("with the public simulator's flags, which let ranks share memory as the validator's do not");
  }
  if (plan.seedFixed)
    reasons.push("the seed was fixed, so a file can be prepared for it; the validator's is unpredictable");
  const profileRanks = (content.docker as { num_gpus?: number } | undefined)?.num_gpus;
  if (profileRanks !== undefined && profileRanks !== plan.numRanks) {
    reasons.push(`${plan.numRanks} ${plan.numRanks === 1 ? "rank" : "ranks"}; the profile has ${profileRanks}`);
  }
  const profileRepeats = content.evaluation_runs;
  if (typeof profileRepeats === "number" && plan.seeds.length < profileRepeats) {
    reasons.push(`${plan.seeds.length} of the profile's ${profileRepeats} runs`);
  }
  if (repeats.some(({ notes }) => notes.some(({ id }) => id === "ranks_diverge"))) {
    reasons.push("the ranks' times differ by more than a tenth; only the smallest counts");
  }
  return reasons;
}

/** None where every repeat ran on the GPUs that the validator has. */
function gpuReasons(repeats: readonly Pick<RepeatResult, "gpus">[]): string[] {
  const known = repeats.flatMap(({ gpus }) => (gpus === undefined ? [] : [gpus]));
  if (known.length === 0 || known.length < repeats.length) {
    return ["in the validator's container, on GPUs that were not compared with the validator's"];
  }
  const others = known.filter(
    (gpus) => !gpus.every(({ name, memoryBytes }) => isValidatorsGpu(name, mibOf(memoryBytes))),
  );
  const texts = new Set(others.map(countedGpus));
  return [...texts].map((text) => `on ${text}: the leaderboard's scores are of A100s with 80 GB`);
}

function mibOf(bytes: number | null): number | null {
  return bytes === null ? null : bytes / 1024 ** 2;
}
