/** ssh's open questions, for windows to show and answer. Answers are passed on and never kept. */
import { randomUUID } from "node:crypto";
import type { EnginePrompt } from "../../../common/engine-prompts.ts";
import { Revision } from "../streams/index.ts";
import type { SshQuestion } from "./askpass.ts";

export class EnginePrompts {
  readonly #open = new Map<string, { prompt: EnginePrompt; answer: (answer: string | null) => void }>();
  readonly #changed = new Revision();

  /** For `SshConnections`: waits until a window answers or declines (null), or the signal withdraws it (null). */
  readonly ask = (question: SshQuestion, signal: AbortSignal): Promise<string | null> => {
    const id = randomUUID();
    const { promise, resolve } = Promise.withResolvers<string | null>();
    const withdraw = () => this.answer(id, null);
    this.#open.set(id, { prompt: { id, ...question }, answer: resolve });
    this.#changed.advance();
    signal.addEventListener("abort", withdraw, { once: true });
    if (signal.aborted) withdraw();
    return promise.finally(() => signal.removeEventListener("abort", withdraw));
  };

  /** Those that wait, oldest first; again whenever that changes. */
  watch(signal: AbortSignal | undefined): AsyncGenerator<EnginePrompt[]> {
    return this.#changed.watch(() => [...this.#open.values()].map(({ prompt }) => prompt), signal);
  }

  /** Null declines. False: it waits no more, another window was faster or ssh has given up. */
  answer(id: string, answer: string | null): boolean {
    const found = this.#open.get(id);
    if (found === undefined) return false;
    this.#open.delete(id);
    found.answer(answer);
    this.#changed.advance();
    return true;
  }
}
