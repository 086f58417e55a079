/** What the window tells in its corner: at most a few, with what can be done about each. */
import { createStore } from "zustand/vanilla";
import { asCrusaderError } from "../connection.ts";

export type NotificationAction = { label: string; run: () => void | Promise<void> };

export type Notification = {
  id: number;
  kind: "info" | "success" | "warning" | "error";
  title: string;
  message: string;
  /** To copy; may be long. */
  detail: string;
  actions: readonly NotificationAction[];
  /** Null: until it is closed. */
  timeoutMs: number | null;
  /** A later one with the same key takes its place. */
  key: string | null;
};

const MAX_SHOWN = 5;
const TIMEOUT_MS = 8000;

export const notifications = createStore<{ shown: readonly Notification[] }>(() => ({ shown: [] }));
let lastId = 0;

export type NotificationOptions = Pick<Notification, "kind" | "title"> & Partial<Omit<Notification, "id">>;

/** Returns its id. Errors and those with actions stay until they are closed, the others for eight seconds. */
export function notify({
  kind,
  title,
  message = "",
  detail = "",
  actions = [],
  key = null,
  timeoutMs = kind === "error" || actions.length > 0 ? null : TIMEOUT_MS,
}: NotificationOptions): number {
  lastId += 1;
  const added: Notification = { id: lastId, kind, title, message, detail, actions, key, timeoutMs };
  notifications.setState(({ shown }) => ({
    shown: [...shown.filter((other) => key === null || other.key !== key), added].slice(-MAX_SHOWN),
  }));
  return lastId;
}

/** Tells what failed. Cancelling is no failure; a lost connection is told by the status bar. */
export function notifyError(thrown: unknown, consequence = ""): void {
  const { code, message, hint, detail } = asCrusaderError(thrown);
  if (code === "cancelled") return;
  const said = [consequence, hint].filter((part) => part !== "").join(" ");
  notify({ kind: "error", title: message, message: said, detail, key: `error:${code}:${message}` });
}

export function dismiss(id: number): void {
  notifications.setState(({ shown }) => ({ shown: shown.filter((other) => other.id !== id) }));
}
