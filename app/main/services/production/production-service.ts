/** Being built: see the contract. */

import { CrusaderError } from "../../../common/errors.ts";
import type {
  ProductionStatus,
  Reading,
  RulesComparison,
  RulesPart,
  RulesSide,
  StaleRun,
} from "../../../common/production.ts";
import type { TaskUpdate } from "../tasks/index.ts";

export type ChosenSource = { kind: "git"; url: string; reference: string | null } | { kind: "folder"; path: string };

const unavailable = (): never => {
  throw new CrusaderError("unsupported", "The production source cannot be read yet.");
};

export class ProductionService {
  status(): ProductionStatus {
    return unavailable();
  }
  watch(_signal: AbortSignal | undefined): AsyncGenerator<ProductionStatus> {
    return unavailable();
  }
  chooseSource(_source: ChosenSource): ProductionStatus {
    return unavailable();
  }
  fetch(_options: { signal: AbortSignal; onProgress: (update: TaskUpdate) => void }): Promise<ProductionStatus> {
    return unavailable();
  }
  pin(_revisionId: string): ProductionStatus {
    return unavailable();
  }
  remove(): ProductionStatus {
    return unavailable();
  }
  reading(_side: "pinned" | "newest"): Promise<Reading> {
    return unavailable();
  }
  changes(_from: RulesSide, _to: RulesSide): Promise<RulesComparison> {
    return unavailable();
  }
  apply(_revisionId: string, _parts: RulesPart[]): Promise<ProductionStatus> {
    return unavailable();
  }
  revert(): ProductionStatus {
    return unavailable();
  }
  staleRuns(): StaleRun[] {
    return unavailable();
  }
}
