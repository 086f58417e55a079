import { expect, test, vi } from "vitest";

type Bridge = { connect: (...more: unknown[]) => unknown };
const exposed: [string, Bridge][] = [];
const sent: unknown[][] = [];
const listeners: [string, (event: { ports: string[] }) => void][] = [];
vi.mock("electron", () => ({
  contextBridge: { exposeInMainWorld: (name: string, api: Bridge) => exposed.push([name, api]) },
  ipcRenderer: {
    on: (channel: string, listener: () => void) => listeners.push([channel, listener]),
    send: (...message: unknown[]) => sent.push(message),
  },
}));

test("the page gets one name with one function, and hears of ports only", async () => {
  const posted: unknown[][] = [];
  vi.stubGlobal("postMessage", (...message: unknown[]) => posted.push(message));
  await import("./preload.ts");
  expect(exposed.map(([name, api]) => [name, Object.keys(api)])).toEqual([["crusader", ["connect"]]]);
  expect(listeners.map(([channel]) => channel)).toEqual(["crusader:port"]);

  expect(exposed[0]?.[1].connect("another channel", { any: "thing" })).toBeUndefined();
  expect(sent).toEqual([["crusader:connect"]]);
  listeners[0]?.[1]({ ports: ["a port"] });
  expect(posted).toEqual([["crusader:port", "crusader://app", ["a port"]]]);
});
