/** What the arena needs of profiles and of the user's own: wallets, runs, templates. */
import { join } from "node:path";
import type { SubmissionReference } from "../../../common/arena.ts";
import type { RunStore } from "../runs/index.ts";
import type { Secrets } from "../settings/index.ts";
import type { WalletService } from "../wallets/index.ts";
import type { WorkspaceService } from "../workspace/index.ts";
import { ArenaService, type BoardRules } from "./arena-service.ts";

const SECONDS_PER_BLOCK = 12;
const MAX_RUNS_OF_CODE = 10;

/** The arena beside the user's own wallets, runs and templates. */
export function createArena({
  store,
  wallets,
  templates,
  ...options
}: {
  dataFolder: string;
  secrets: Secrets;
  store: Pick<RunStore, "list" | "runsOf" | "isOwnCode">;
  wallets: Pick<WalletService, "list">;
  templates: Pick<WorkspaceService["templates"], "has">;
  lookEveryMs?: number;
  onBug?: (error: unknown) => void;
}): ArenaService {
  return new ArenaService({
    ...options,
    ownHotkeys: () => wallets.list().wallets.flatMap(({ hotkeys }) => hotkeys.flatMap(({ address }) => address ?? [])),
    bestRun: () => bestOwnRun(store),
    runsOf: (sha256) => store.runsOf(sha256, MAX_RUNS_OF_CODE).map(({ id }) => id),
    isOwnCode: (sha256) => store.isOwnCode(sha256) || templates.has(sha256),
  });
}

/** Of a resolved profile: its defaults are filled in. */
export function boardRulesOf(resolved: Record<string, unknown>): BoardRules {
  const { adaptive_threshold, block_time, burn_rate } = resolved as {
    adaptive_threshold: { base_threshold: number; decay_percent: number; decay_interval_blocks: number };
    block_time?: number;
    burn_rate?: number;
  };
  return {
    threshold: {
      baseThreshold: adaptive_threshold.base_threshold,
      decayPercent: adaptive_threshold.decay_percent,
      decayIntervalBlocks: adaptive_threshold.decay_interval_blocks,
    },
    secondsPerBlock: block_time ?? SECONDS_PER_BLOCK,
    burnRate: burn_rate ?? null,
  };
}

/** The user's best run whose score compares with the board's; null: there is none. */
function bestOwnRun(store: Pick<RunStore, "list">): { runId: string; score: number } | null {
  const { runs } = store.list({ state: "passed", limit: Number.MAX_SAFE_INTEGER });
  return runs.reduce<{ runId: string; score: number } | null>(
    (best, { id, score, comparable, imported, submission }) => {
      const counts =
        comparable && imported !== true && submission.origin === undefined && score?.kind === "mfu_percent";
      return counts && score.value > (best?.score ?? 0) ? { runId: id, score: score.value } : best;
    },
    null,
  );
}

/** By which the versions of a submission's runs are counted; nothing lies there. */
export function arenaPath(dataFolder: string, { source, submissionId }: SubmissionReference): string {
  return join(dataFolder, "arena", source, `${submissionId.replaceAll(/[^\w-]/g, "_")}.py`);
}
