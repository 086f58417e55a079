/** Which form about a source is open. */
import { createStore } from "zustand/vanilla";
import type { ShownSource } from "../../../common/arena.ts";

export type SourceDialog =
  | { kind: "add"; place: "api" | "database" }
  | { kind: "edit"; source: ShownSource }
  | { kind: "remove"; source: ShownSource };

export const sourceDialog = createStore<{ shown: SourceDialog | null }>(() => ({ shown: null }));

export function showSourceDialog(shown: SourceDialog | null): void {
  sourceDialog.setState({ shown });
}
