/** Numbers and times the events of an evaluation whose judge does not write them itself. */
import type { Event } from "../../../common/events.ts";
import { EVENT_VERSION } from "../../../common/events.ts";

type WithoutHeader<E> = E extends Event ? Omit<E, "v" | "seq" | "t"> : never;
/** An event but for what the log gives it. */
export type EventContent = WithoutHeader<Event>;

export class EventLog {
  readonly #now: () => number;
  readonly #startedAt: number;
  readonly #tell: (event: Event) => void;
  #count: number;
  #lastSeconds: number;

  /** `earlier` were told before; `now` and `startedAt` are milliseconds since 1970. */
  constructor(earlier: readonly Event[], startedAt: number, now: () => number, tell: (event: Event) => void) {
    this.#count = earlier.length;
    this.#lastSeconds = earlier.at(-1)?.t ?? 0;
    this.#startedAt = startedAt;
    this.#now = now;
    this.#tell = tell;
  }

  /** Number of the next event. */
  get count(): number {
    return this.#count;
  }

  add(content: EventContent): void {
    // The clock may have been set back.
    this.#lastSeconds = Math.max(this.#lastSeconds, (this.#now() - this.#startedAt) / 1000);
    this.#tell({ v: EVENT_VERSION, seq: this.#count, t: this.#lastSeconds, ...content } as Event);
    this.#count += 1;
  }
}
