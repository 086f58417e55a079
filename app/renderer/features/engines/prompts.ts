/** What ssh asks on its way to a container engine, until some window answers it. */
import { createStore } from "zustand/vanilla";
import type { EnginePrompt } from "../../../common/engine-prompts.ts";
import { client, followStream } from "../../client.ts";
import { notifyError } from "../../shell/notifications.ts";

/** Oldest first. */
export const enginePrompts = createStore<{ open: readonly EnginePrompt[] }>(() => ({ open: [] }));

/** Returns the function that stops it. */
export function followEnginePrompts(): () => void {
  return followStream((signal) => client.engines.watchPrompts(undefined, { signal }), {
    onItem: (open) => enginePrompts.setState({ open }),
    onError: (error) => notifyError(error),
  });
}

/** Null declines. Where another window was faster, that one's answer counts. */
export function answerPrompt(id: string, answer: string | null): void {
  enginePrompts.setState(({ open }) => ({ open: open.filter((prompt) => prompt.id !== id) }));
  client.engines.answerPrompt({ id, answer }).catch((thrown: unknown) => notifyError(thrown));
}
