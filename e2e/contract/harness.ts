/** Services on a data folder of their own, with a scripted judge, served over both transports. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MessageChannel, type MessagePort } from "node:worker_threads";
import { type ClientLink, createORPCClient, ORPCError } from "@orpc/client";
import { RPCLink as MessagePortLink } from "@orpc/client/message-port";
import { RPCLink as WebSocketLink } from "@orpc/client/websocket";
import { expect, onTestFinished } from "vitest";
import { WebSocket } from "ws";
import type { Client } from "../../app/common/contract.ts";
import { type ErrorReport, errorReportSchema } from "../../app/common/errors.ts";
import { startWebHost, type WebHost } from "../../app/main/hosts/web/index.ts";
import { type Connection, connectionServer } from "../../app/main/router/connection.ts";
import { createServices, type Services } from "../../app/main/router/services.ts";
import { ScriptedBackend } from "../../app/main/services/simulation/scripted-backend.ts";

/** What a page's transport is to a test. */
export type Page = {
  client: Client;
  /** As if the tab were closed or the tunnel broke. */
  disconnect: () => void;
  /** Sends what no client of ours would. */
  sendRaw: (message: string | Uint8Array) => void;
  /** Resolves when the other side has ended the connection. */
  closed: Promise<void>;
};

export type Bench = {
  folder: string;
  /** Where the picker begins. */
  home: string;
  services: Services;
  /** A further window. */
  open: () => Promise<Page>;
};

export type Transport = { name: string; bench: () => Promise<Bench> };

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "crusader-contract-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function makeServices(folder: string): { services: Services; home: string } {
  const home = join(folder, "home");
  mkdirSync(home, { recursive: true });
  const services = createServices({
    dataFolder: join(folder, "data"),
    // No Python, no tools: nothing of this machine gets in.
    env: { PATH: "" },
    home,
    moreBackends: [new ScriptedBackend()],
    lookEveryMs: 50,
  });
  return { services, home };
}

/** A window's files, small and recognisable. */
export function makeRenderer(folder: string): string {
  const renderer = join(folder, "renderer");
  mkdirSync(join(renderer, "assets"), { recursive: true });
  writeFileSync(join(renderer, "index.html"), "<!doctype html><title>Crusader</title>");
  writeFileSync(join(renderer, "assets", "index-Abc_12345.js"), "export const built = true;\n".repeat(100));
  writeFileSync(join(folder, "secret.txt"), "outside");
  return renderer;
}

export async function makeWebHost(folder: string, options: { services: Services; port?: number; newToken?: boolean }) {
  const host = await startWebHost({
    services: options.services,
    rendererFolder: makeRenderer(folder),
    port: options.port ?? 0,
    newToken: options.newToken ?? false,
  });
  return host;
}

/** Exchanges the token of the host's address for a cookie. */
export async function enter(host: WebHost): Promise<string> {
  const response = await fetch(host.url(), { redirect: "manual" });
  expect(response.status).toBe(303);
  return (response.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
}

export async function openWebPage(host: WebHost, cookie: string): Promise<Page> {
  const socket = new WebSocket(`ws://127.0.0.1:${host.port}/rpc`, {
    headers: { cookie, origin: `http://127.0.0.1:${host.port}` },
  });
  await new Promise((resolve, reject) => {
    socket.once("open", resolve);
    socket.once("error", reject);
  });
  socket.on("error", () => {});
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  return {
    client: clientOver(new WebSocketLink({ websocket: socket as never })),
    disconnect: () => socket.terminate(),
    sendRaw: (message) => socket.send(message),
    closed,
  };
}

const overWebSocket: Transport = {
  name: "WebSocket",
  async bench() {
    const folder = temporaryFolder();
    const { services, home } = makeServices(folder);
    const host = await makeWebHost(folder, { services });
    onTestFinished(async () => {
      await host.close();
      await services.close();
    });
    const cookie = await enter(host);
    return { folder, home, services, open: () => openWebPage(host, cookie) };
  },
};

/** As Electron's service process will: the same server behind a port. */
function overPort(port: MessagePort): Connection {
  return {
    send: (message) => port.postMessage(message),
    onMessage: (listener) => port.on("message", listener),
    onClose: (listener) => port.on("close", listener),
    refuse: () => port.close(),
  };
}

const overMessagePort: Transport = {
  name: "MessagePort",
  async bench() {
    const folder = temporaryFolder();
    const { services, home } = makeServices(folder);
    onTestFinished(() => services.close());
    const serve = connectionServer(services);
    const open = async (): Promise<Page> => {
      const { port1, port2 } = new MessageChannel();
      onTestFinished(() => port1.close());
      serve(overPort(port2), "web");
      port1.start();
      return {
        client: clientOver(new MessagePortLink({ port: port1 as never })),
        disconnect: () => port1.close(),
        sendRaw: (message) => port1.postMessage(message),
        closed: new Promise((resolve) => port1.once("close", () => resolve())),
      };
    };
    return { folder, home, services, open };
  },
};

export const TRANSPORTS: readonly Transport[] = [overWebSocket, overMessagePort];

function clientOver(link: ClientLink<Record<never, never>>): Client {
  return createORPCClient(link);
}

/** The report a call ends with. */
export async function reportOf(call: Promise<unknown>): Promise<ErrorReport> {
  const thrown = await call.then(
    () => null,
    (error: unknown) => error,
  );
  expect(thrown).toBeInstanceOf(ORPCError);
  const { code, defined, data } = thrown as ORPCError<string, unknown>;
  const report = errorReportSchema.parse(data);
  expect([code, defined]).toEqual([report.code, true]);
  return report;
}
