/** A counter that readers can wait for: what streams are made of. */

export class Revision {
  #number = 0;
  #moved = Promise.withResolvers<void>();

  get number(): number {
    return this.#number;
  }

  advance(): void {
    this.#number += 1;
    const { resolve } = this.#moved;
    this.#moved = Promise.withResolvers();
    resolve();
  }

  /**
   * Resolves once the counter is past `seen`, after `timeoutMs`, or when `signal` aborts; never rejects.
   */
  async next(seen: number, signal: AbortSignal | undefined, timeoutMs?: number): Promise<void> {
    if (this.#number > seen || signal?.aborted === true) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const stop = () => resolve();
    signal?.addEventListener("abort", stop, { once: true });
    const timer = timeoutMs === undefined ? undefined : setTimeout(stop, timeoutMs);
    try {
      await Promise.race([this.#moved.promise, promise]);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", stop);
    }
  }

  /** What `read` says: now, and again after changes, with at least `pauseMs` between two. Ends with `signal`. */
  async *watch<T>(read: () => T, signal: AbortSignal | undefined, pauseMs = 100): AsyncGenerator<T> {
    while (signal?.aborted !== true) {
      const seen = this.#number;
      yield read();
      await this.next(seen, signal);
      await new Revision().next(0, signal, pauseMs);
    }
  }
}
