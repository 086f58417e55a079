/** Who reads what: `plan` of crusades_eval/topology.py, as the scanner answers it. */
import type { Strategy, Verdict } from "./scan.ts";

/** The parts of a profile that decide it, under the names of the Python function. */
export type PlanSizes = { batch_size: number; seq_len: number; num_samples: number; num_steps: number };

/** Samples of the run's order, both included, counted from 0. */
export type PlannedBatch = {
  first: number;
  last: number;
  /** The data began again, so it is not the batch that follows the group's last one. */
  wrapped: boolean;
};

export type TopologyPlan = {
  topology: Strategy;
  /** Data groups: the ranks of one form a tensor-parallel group and read the same batches, step after step. */
  groups: { ranks: number[]; batches: PlannedBatch[] }[];
  /** Of one rank. */
  tokensPerStep: number;
  /** Of all data groups, each token once. */
  uniqueTokensPerStep: number;
  /** Of the whole run. */
  uniqueTokens: number;
  /** May be more than there are batches. */
  steps: number;
};

/** What a text declares and what follows from it for a number of GPUs. */
export type TopologyAnswer = {
  verdict: Verdict;
  declared: Strategy | null;
  /** Why the evaluation would not start with it; null where it would, and then there is a plan. */
  problem: string | null;
  plan: TopologyPlan | null;
};
