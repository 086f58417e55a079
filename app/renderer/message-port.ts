/** The desktop window's way to the services: ports that its preload hands in, each replacing the one before. */
import { RPCLink } from "@orpc/client/message-port";
import { type DesktopBridge, PORT_MESSAGE } from "../common/desktop-bridge.ts";
import { CrusaderError } from "../common/errors.ts";
import type { OpenChannel } from "./connection.ts";

type PortMessage = Pick<MessageEvent<unknown>, "data" | "ports" | "source">;
export type Messages = {
  addEventListener: (type: "message", listener: (event: PortMessage) => void) => void;
  removeEventListener: (type: "message", listener: (event: PortMessage) => void) => void;
};

/**
 * Resolves with the next port; rejects with "disconnected" when none comes.
 *
 * @param self The only sender whose ports are taken: the page itself, as its preload shares it.
 */
export function openMessagePort(
  bridge: DesktopBridge,
  messages: Messages,
  self: unknown,
  patienceMs = 10_000,
): Promise<OpenChannel> {
  return new Promise((resolve, reject) => {
    const onMessage = ({ data, ports: [port], source }: PortMessage) => {
      if (data !== PORT_MESSAGE || source !== self || port === undefined) return;
      settle();
      resolve(channelOver(port, messages, self));
    };
    const timer = setTimeout(() => {
      settle();
      reject(new CrusaderError("disconnected", "Crusader's services do not answer."));
    }, patienceMs);
    const settle = () => {
      clearTimeout(timer);
      messages.removeEventListener("message", onMessage);
    };
    messages.addEventListener("message", onMessage);
    bridge.connect();
  });
}

function channelOver(port: MessagePort, messages: Messages, self: unknown): OpenChannel {
  const { promise: closed, resolve } = Promise.withResolvers<{ refusal: string | null }>();
  const end = () => {
    messages.removeEventListener("message", onReplaced);
    port.removeEventListener("close", end);
    port.close();
    // Only the other side hears of that, and the link, too, has to end what is under way.
    port.dispatchEvent(new Event("close"));
    resolve({ refusal: null });
  };
  const onReplaced = ({ data, source }: PortMessage) => {
    if (data === PORT_MESSAGE && source === self) end();
  };
  messages.addEventListener("message", onReplaced);
  port.addEventListener("close", end);
  const link = new RPCLink({ port });
  port.start();
  return { link, closed, close: end };
}
