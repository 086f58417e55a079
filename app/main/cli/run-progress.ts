/**
 * How far an evaluation is. From steps done where a stage counts them; before that, from how long the stages took in
 * earlier runs. Without either there is no fraction, rather than an invented one.
 */
import type { Event, Stage } from "../../common/events.ts";
import { EVERY_STAGE } from "../../common/events.ts";

type StageSeconds = Partial<Record<Stage, number>>;

/** Never quite done before the result. */
const MOST = 0.99;

export class RunProgress {
  readonly #expected: StageSeconds;
  readonly #seconds: () => number;
  readonly #startedAt: number;
  #stage: Stage = "scan";
  #stageStartedAt: number;
  readonly #took: StageSeconds = {};
  #steps: { done: number; total: number; at: number } | null = null;
  #fraction = 0;

  /** `expected`: seconds a stage took earlier; empty when nothing is known. `seconds`: a clock that only goes forward. */
  constructor(expected: StageSeconds, seconds: () => number) {
    this.#expected = expected;
    this.#seconds = seconds;
    this.#startedAt = seconds();
    this.#stageStartedAt = this.#startedAt;
  }

  take(event: Event): void {
    if (event.type === "stage" && event.state === "running") {
      this.#stage = event.stage;
      this.#stageStartedAt = this.#seconds();
      this.#steps = null;
    } else if (event.type === "stage" && event.seconds !== null) {
      this.#took[event.stage] = event.seconds;
    } else if (event.type === "progress" && event.stage === this.#stage) {
      this.#steps = { done: event.done, total: event.total, at: this.#seconds() };
    }
  }

  /** "reference 7 of 20": short, so that 80 columns hold the whole line. */
  get detail(): string {
    const steps = this.#steps === null ? "" : ` ${this.#steps.done} of ${this.#steps.total}`;
    return `${this.#stage}${steps}`;
  }

  /** Share of the whole evaluation that is over, 0..1; never goes back. Null while nothing can be said. */
  get fraction(): number | null {
    const left = this.#secondsLeft();
    if (left === null) return null;
    const elapsed = this.#seconds() - this.#startedAt;
    const fraction = elapsed + left === 0 ? 0 : elapsed / (elapsed + left);
    this.#fraction = Math.max(this.#fraction, Math.min(fraction, MOST));
    return this.#fraction;
  }

  #secondsLeft(): number | null {
    const current = this.#currentTotal();
    if (current === null) return null;
    let left = Math.max(0, current - (this.#seconds() - this.#stageStartedAt));
    for (const stage of EVERY_STAGE.slice(EVERY_STAGE.indexOf(this.#stage) + 1)) {
      const seconds = stage === "timed" ? this.#timedTotal() : (this.#expected[stage] ?? 0);
      if (seconds === null) return null;
      left += seconds;
    }
    return left;
  }

  /** Seconds that the stage at hand takes in all. */
  #currentTotal(): number | null {
    if (this.#took[this.#stage] !== undefined) return 0;
    if (this.#steps !== null && this.#steps.done > 0) {
      return ((this.#steps.at - this.#stageStartedAt) * this.#steps.total) / this.#steps.done;
    }
    if (this.#stage === "timed") return this.#timedTotal();
    const expected = this.#expected[this.#stage];
    if (expected !== undefined) return expected;
    // Before the reference run nothing is known; after it, all that takes long is the timed run.
    return this.#took.reference === undefined ? null : 0;
  }

  /** The submission's run: as long as earlier ones, at this run's pace; without any, as long as the reference run. */
  #timedTotal(): number | null {
    const reference = this.#took.reference ?? (this.#stage === "reference" ? this.#currentTotal() : null);
    const { timed, reference: expectedReference } = this.#expected;
    // Production's code, whose log named no timed run in earlier runs either.
    if (timed === undefined && this.#expected.evaluation !== undefined) return 0;
    if (timed === undefined) return reference;
    return reference === null || !expectedReference ? timed : (timed * reference) / expectedReference;
  }
}
