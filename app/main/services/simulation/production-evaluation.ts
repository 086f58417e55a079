/** Whether the validator's own code can judge a run, and what is said of one that it judged. */
import { CrusaderError } from "../../../common/errors.ts";
import type { Plan, ProductionCode } from "../../../common/runs.ts";

/** The pinned revision's code. Throws `not_found` where there is none. */
export type FindProductionCode = () => ProductionCode;

export type ProductionAvailability = { code: ProductionCode | null; problem: CrusaderError | null };

/** The code that is at hand, and what else stands in the way, the most lasting first. */
export function productionAvailability(
  backend: string,
  profile: Record<string, unknown>,
  find: FindProductionCode | undefined,
): ProductionAvailability {
  const found = foundCode(find);
  const { device = "cuda" } = (profile.crusader ?? {}) as { device?: string };
  if (backend !== "docker") {
    const message = `Production's own code judges in its container; the backend ${backend} has none.`;
    return { ...found, problem: new CrusaderError("unsupported", message, "Choose the backend docker.") };
  }
  if (device !== "cuda") {
    const message = "Production's own code needs CUDA: it cannot judge on a CPU, as this profile asks for.";
    const hint = "Choose a production profile, or rehearse with Crusader's own evaluation.";
    return { ...found, problem: new CrusaderError("unsupported", message, hint) };
  }
  return found;
}

function foundCode(find: FindProductionCode = noCode): ProductionAvailability {
  try {
    return { code: find(), problem: null };
  } catch (error) {
    if (error instanceof CrusaderError) return { code: null, problem: error };
    throw error;
  }
}

function noCode(): never {
  throw new CrusaderError("not_found", "There is no production source here.", "Judge by Crusader's own evaluation.");
}

/** For the plan: what can be shown and passed on, without the code itself. */
export function plannedProduction({ revision, files }: ProductionCode): NonNullable<Plan["production"]> {
  return { revision, files: files.map(({ path, sha256 }) => ({ path, sha256 })) };
}
