/** The one connection of this window. */
import { RPCLink } from "@orpc/client/websocket";
import { useStore } from "zustand";
import { BRIDGE_NAME, type DesktopBridge } from "../common/desktop-bridge.ts";
import { CrusaderError } from "../common/errors.ts";
import { type ConnectionState, createConnection, type FollowHandlers, follow, type OpenChannel } from "./connection.ts";
import { openMessagePort } from "./message-port.ts";

/** The web host closes with this code when it does not let a window in. */
const POLICY_VIOLATION = 1008;

function openWebSocket(): Promise<OpenChannel> {
  const address = new URL("/rpc", location.href);
  address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
  const socket = new WebSocket(address);
  const closed = new Promise<{ refusal: string | null }>((resolve) => {
    socket.addEventListener("close", ({ code, reason }) => {
      resolve({ refusal: code === POLICY_VIOLATION ? reason : null });
    });
  });
  return new Promise((resolve, reject) => {
    socket.addEventListener("open", () => {
      resolve({ link: new RPCLink({ websocket: socket }), closed, close: () => socket.close() });
    });
    void closed.then(() => reject(new CrusaderError("disconnected", "Crusader's services do not answer.")));
  });
}

/** Set by the preload of the desktop window; in a browser there is none. */
const bridge = (window as { [BRIDGE_NAME]?: DesktopBridge })[BRIDGE_NAME];
export const isDesktop: boolean = bridge !== undefined;

export const connection = createConnection({
  open: bridge === undefined ? openWebSocket : () => openMessagePort(bridge, window, window),
});
export const client = connection.client;

/** Reads a stream and goes on with it after a lost connection; returns the function that stops it. */
export function followStream<Item>(
  open: (signal: AbortSignal) => Promise<AsyncIterable<Item>>,
  handlers: FollowHandlers<Item>,
): () => void {
  return follow(connection, open, handlers);
}

export function useConnection(): ConnectionState {
  return useStore(connection.state);
}

// A tab that slept may hold a connection that no longer exists, and a laptop that moved one to nowhere.
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") void connection.probe();
});
window.addEventListener("online", () => void connection.probe());
