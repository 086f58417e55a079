/** Hands the page one message port whenever it asks, or gets a new one. Nothing else. */
import { contextBridge, ipcRenderer } from "electron";
import {
  BRIDGE_NAME,
  CONNECT_CHANNEL,
  type DesktopBridge,
  PAGE_ORIGIN,
  PORT_CHANNEL,
  PORT_MESSAGE,
} from "../common/desktop-bridge.ts";

// A port cannot cross the bridge; it can cross as a message of the window to itself.
const page = globalThis as unknown as { postMessage: (data: string, origin: string, ports: unknown[]) => void };
ipcRenderer.on(PORT_CHANNEL, ({ ports }) => page.postMessage(PORT_MESSAGE, PAGE_ORIGIN, [...ports]));

const bridge: DesktopBridge = {
  connect: () => {
    ipcRenderer.send(CONNECT_CHANNEL);
  },
};
contextBridge.exposeInMainWorld(BRIDGE_NAME, bridge);
