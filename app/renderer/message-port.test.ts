import { expect, test } from "vitest";
import { PORT_MESSAGE } from "../common/desktop-bridge.ts";
import { type Messages, openMessagePort } from "./message-port.ts";

type Listener = Parameters<Messages["addEventListener"]>[1];

/** A page with a preload that answers each wish with a port; the test holds the other ends. */
function desktop() {
  const listeners = new Set<Listener>();
  const self = {};
  const far: MessagePort[] = [];
  const hand = (source: unknown = self, data: unknown = PORT_MESSAGE) => {
    const { port1, port2 } = new MessageChannel();
    far.push(port2);
    for (const listener of [...listeners]) listener({ data, ports: [port1], source: source as Window });
  };
  const messages: Messages = {
    addEventListener: (_type, listener) => void listeners.add(listener),
    removeEventListener: (_type, listener) => void listeners.delete(listener),
  };
  return { self, far, hand, messages, listeners };
}

test("takes the port it asked for, and notices when the services are gone", async () => {
  const { self, far, hand, messages, listeners } = desktop();
  const channel = await openMessagePort({ connect: hand }, messages, self);
  expect(far.length).toBe(1);
  far[0]?.close();
  expect(await channel.closed).toEqual({ refusal: null });
  expect(listeners.size).toBe(0);
});

test("lets go of a port when the next one is handed in", async () => {
  const { self, hand, messages } = desktop();
  const channel = await openMessagePort({ connect: hand }, messages, self);
  const underWay = channel.link.call(["app", "versions"], undefined, { context: {} });
  hand();
  expect(await channel.closed).toEqual({ refusal: null });
  await expect(underWay).rejects.toThrow();
});

test("takes no port of another window, and none that is called otherwise", async () => {
  const { self, far, hand, messages, listeners } = desktop();
  const connect = () => {
    hand({});
    hand(self, "something else");
  };
  await expect(openMessagePort({ connect }, messages, self, 5)).rejects.toMatchObject({ code: "disconnected" });
  expect(listeners.size).toBe(0);
  for (const port of far) port.close();
});
