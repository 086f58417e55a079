import { expect, test, vi } from "vitest";

const exposed: [string, object][] = [];
const sent: unknown[][] = [];
const listeners: [string, (event: { ports: string[] }) => void][] = [];
vi.mock("electron", () => ({
  contextBridge: { exposeInMainWorld: (name: string, api: object) => exposed.push([name, api]) },
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

  const connect = (exposed[0]?.[1] as { connect: (...more: unknown[]) => unknown }).connect;
  expect(connect("another channel", { any: "thing" })).toBeUndefined();
  expect(sent).toEqual([["crusader:connect"]]);
  listeners[0]?.[1]({ ports: ["a port"] });
  expect(posted).toEqual([["crusader:port", "crusader://app", ["a port"]]]);
});
