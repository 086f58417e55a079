/** Which runs of this process ended since the last look, and went on long enough that somebody waits for them. */
import type { Services } from "../../router/services.ts";

export type EndedRun = { runId: string; title: string; body: string };

const OUTCOMES = { passed: "passed", failed: "failed", error: "could not be judged" } as const;

export class EndedRuns {
  readonly #services: Pick<Services, "runs" | "store" | "settings">;
  #going = new Set<string>();
  #seen = "";

  constructor(services: Pick<Services, "runs" | "store" | "settings">) {
    this.#services = services;
  }

  /** Cancelled ones are left out: whoever cancelled knows. */
  look(): EndedRun[] {
    const { runs, store, settings } = this.#services;
    const fingerprint = store.fingerprint();
    if (fingerprint === this.#seen) return [];
    this.#seen = fingerprint;
    const going = new Set(
      runs
        .list()
        .filter(({ ownedHere }) => ownedHere)
        .map(({ runId }) => runId),
    );
    const ended = [...this.#going].filter((runId) => !going.has(runId));
    this.#going = going;
    const { notifyAfterSeconds } = settings.read().settings;
    if (notifyAfterSeconds === null) return [];
    return ended.flatMap((runId) => {
      const { plan, result } = store.show(runId);
      if (result === null || result.outcome === "cancelled") return [];
      const seconds = (Date.parse(result.finishedAt) - Date.parse(plan.createdAt)) / 1000;
      if (seconds < notifyAfterSeconds) return [];
      const { name, version } = plan.submission;
      const why = result.failure === null ? "" : `: ${result.failure.message}`;
      return [{ runId, title: `Run ${runId} ${OUTCOMES[result.outcome]}`, body: `${name} v${version}${why}` }];
    });
  }
}
