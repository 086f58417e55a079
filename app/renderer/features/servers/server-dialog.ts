/** Which dialog about a server is open. */
import { createStore } from "zustand/vanilla";
import type { ShownServer } from "../../../common/servers.ts";

export type ServerDialog =
  /** Null: a new one. */
  { kind: "edit"; server: ShownServer | null } | { kind: "remove"; server: ShownServer };

export const serverDialog = createStore<{ shown: ServerDialog | null }>(() => ({ shown: null }));
