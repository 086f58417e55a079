/** `process.parentPort` of a utility process, over the IPC channel of a plain Node (see shim.ts). */
import { EventEmitter } from "node:events";

const send = (message: object) => void (process.connected && process.send?.(message));
const ports: EventEmitter[] = [];
const parentPort = Object.assign(new EventEmitter(), { postMessage: (message: unknown) => send({ message }) });

function portOf(number: number): EventEmitter {
  const port = Object.assign(new EventEmitter(), {
    postMessage: (data: unknown) => send({ port: number, data }),
    start: () => undefined,
    close: () => send({ closed: number }),
  });
  ports[number] = port;
  return port;
}

process.on(
  "message",
  (said: { message?: unknown; ports?: number[]; port?: number; data?: unknown; closed?: number }) => {
    if (said.closed !== undefined) ports[said.closed]?.emit("close");
    else if (said.port !== undefined) ports[said.port]?.emit("message", { data: said.data });
    else parentPort.emit("message", { data: said.message, ports: (said.ports ?? []).map(portOf) });
  },
);
// A utility process ends with the app.
process.on("disconnect", () => process.exit(1));
Object.assign(process, { parentPort });
