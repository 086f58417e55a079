/** The window in a browser: static files and the contract over a WebSocket, for this machine only. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import { CrusaderError } from "../../../common/errors.ts";
import { type Connection, connectionServer, MAX_MESSAGE_LENGTH } from "../../router/connection.ts";
import { headersOf } from "../../router/page.ts";
import type { Services } from "../../router/services.ts";
import { StaticFiles } from "../../router/static-files.ts";
import { refusal, SECURITY_HEADERS } from "./policy.ts";
import { Sessions } from "./session.ts";

export type WebHostOptions = {
  services: Services;
  /** The built window. */
  rendererFolder: string;
  /** 0: any free one. */
  port: number;
  /** Ends the sessions of earlier starts. */
  newToken: boolean;
  /** A browser was let in; `url` is for the next one. */
  onSession?: (url: string) => void;
};

export type WebHost = {
  port: number;
  /** Holds the token that lets one browser in. */
  url: () => string;
  /** Ends all connections; the services are the caller's. */
  close: () => Promise<void>;
};

/** The one path that is no file. */
export const RPC_PATH = "/rpc";
const ADDRESS = "127.0.0.1";
/** UTF-16 units of a message in bytes, at most. */
const MAX_MESSAGE_BYTES = 3 * MAX_MESSAGE_LENGTH;
const MAX_CONNECTIONS = 64;
/** What may wait for a slow browser before its streams are held back. */
const MAX_WAITING_BYTES = 1024 * 1024;
const LOOK_AGAIN_MS = 20;
/** A browser that answers none of two is gone, and its streams end. */
const PING_EVERY_MS = 30_000;
const POLICY_VIOLATION = 1008;
const GOING_AWAY = 1001;
const UNINVITED = `This is Crusader's window, and this browser was not let in.

Open the address that \`crusader serve\` printed last; each lets one browser in.
`;

/** Throws `busy` for a taken port, `usage` for one that may not be used, `unsupported` where the window is not built. */
export async function startWebHost(options: WebHostOptions): Promise<WebHost> {
  const { services, rendererFolder, newToken, onSession = () => {} } = options;
  const files = new StaticFiles(rendererFolder);
  const server = createServer({ maxHeaderSize: 16 * 1024, requestTimeout: 30_000 });
  await listen(server, options.port);
  const { port } = server.address() as AddressInfo;
  let sessions: Sessions;
  try {
    sessions = new Sessions({ dataFolder: services.dataFolder, port, newKey: newToken });
  } catch (error) {
    server.close();
    throw error;
  }
  const serveConnection = connectionServer(services);
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE_BYTES, perMessageDeflate: false });
  const url = () => `http://${ADDRESS}:${port}/?token=${sessions.token}`;

  server.on("request", (request, response) => {
    void answer(request, response, { files, sessions, onSession: () => onSession(url()) });
  });
  server.on("upgrade", (request, socket, head) => {
    socket.on("error", () => {});
    const problem = whyNoSocket(request, sockets.clients.size);
    if (problem !== null) return refuseUpgrade(socket, problem);
    sockets.handleUpgrade(request, socket, head, (client) => {
      // A page cannot read why an upgrade was refused, but it can read why its connection was closed.
      if (sessions.admits(request.headers.cookie)) serveConnection(connectionOf(client), "web");
      else client.close(POLICY_VIOLATION, "This browser was not let in.");
    });
  });
  const pinging = setInterval(() => pingAll(sockets), PING_EVERY_MS);

  return {
    port,
    url,
    async close() {
      clearInterval(pinging);
      for (const client of sockets.clients) client.close(GOING_AWAY, "Crusader ends.");
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      // A browser has a moment to say goodbye.
      const impatience = setTimeout(() => {
        for (const client of sockets.clients) client.terminate();
        server.closeAllConnections();
      }, 500);
      await closed;
      clearTimeout(impatience);
    },
  };
}

async function listen(server: Server, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") {
        const hint = "Take another one with --port, or end the program that has it (perhaps another crusader serve).";
        reject(new CrusaderError("busy", `Port ${port} is taken.`, hint));
      } else if (error.code === "EACCES") {
        reject(new CrusaderError("usage", `Port ${port} may not be used by this user.`, "Take one above 1023."));
      } else reject(error);
    });
    server.listen(port, ADDRESS, resolve);
  });
}

function askingOf(request: IncomingMessage, isUpgrade: boolean) {
  const { host, origin, "sec-fetch-site": fetchSite } = request.headers;
  return { method: request.method, host, origin, fetchSite: fetchSite as string | undefined, isUpgrade };
}

/** Null for what is no address. */
function addressOf(request: IncomingMessage): URL | null {
  return URL.parse(request.url ?? "", "http://localhost");
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { files, sessions, onSession }: { files: StaticFiles; sessions: Sessions; onSession: () => void },
): Promise<void> {
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value);
  const say = (status: number, text: string) => {
    response.writeHead(status, { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" });
    response.end(request.method === "HEAD" ? undefined : text);
  };
  try {
    const problem = refusal(askingOf(request, false));
    if (problem !== null) return say(403, `${problem}\n`);
    const address = addressOf(request);
    if (address === null) return say(400, "This is no address.\n");
    const token = address.pathname === "/" ? address.searchParams.get("token") : null;
    const admitted = sessions.admits(request.headers.cookie);
    if (token !== null && request.method === "GET") {
      const cookie = admitted ? null : sessions.exchange(token);
      if (!admitted && cookie === null) return say(403, UNINVITED);
      // Away from the address with the token, which then is in no history and no bookmark.
      response.writeHead(303, { location: "/", "cache-control": "no-store", ...(cookie && { "set-cookie": cookie }) });
      response.end();
      if (cookie !== null) onSession();
      return;
    }
    if (!admitted) return say(403, UNINVITED);
    const file = files.get(address.pathname);
    if (file === undefined) return say(404, "There is no such file.\n");
    const acceptsGzip = /\bgzip\b/.test(String(request.headers["accept-encoding"] ?? ""));
    const { bytes, encoding } = await file.read(acceptsGzip);
    response.writeHead(200, {
      ...headersOf(address.pathname),
      "content-type": file.type,
      "content-length": bytes.length,
      "cache-control": file.cacheControl,
      vary: "accept-encoding",
      ...(encoding && { "content-encoding": encoding }),
    });
    response.end(request.method === "HEAD" ? undefined : bytes);
  } catch {
    if (response.headersSent) response.destroy();
    else say(500, "This file cannot be read; build the window again.\n");
  }
}

function whyNoSocket(request: IncomingMessage, open: number): string | null {
  const problem = refusal(askingOf(request, true));
  if (problem !== null) return problem;
  if (addressOf(request)?.pathname !== RPC_PATH) return "There is nothing here.";
  return open >= MAX_CONNECTIONS ? "There are too many windows." : null;
}

function refuseUpgrade(socket: Duplex, problem: string): void {
  const body = `${problem}\n`;
  const head = `HTTP/1.1 403 Forbidden\r\nconnection: close\r\ncontent-type: text/plain\r\ncontent-length: ${body.length}`;
  socket.end(`${head}\r\n\r\n${body}`);
}

function connectionOf(client: WebSocket): Connection {
  isAlive.add(client);
  client.on("pong", () => isAlive.add(client));
  // Oversized or broken frames: the library closes the connection, "close" follows.
  client.on("error", () => {});
  return {
    async send(message) {
      if (client.readyState !== client.OPEN) return;
      client.send(message);
      while (client.bufferedAmount > MAX_WAITING_BYTES && client.readyState === client.OPEN) {
        await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
      }
    },
    onMessage: (listener) =>
      client.on("message", (data, isBinary) => listener(isBinary ? data : (data as Buffer).toString("utf8"))),
    onClose: (listener) => client.on("close", listener),
    refuse: (reason) => client.close(POLICY_VIOLATION, reason),
  };
}

const isAlive = new WeakSet<WebSocket>();

function pingAll(sockets: WebSocketServer): void {
  for (const client of sockets.clients) {
    if (!isAlive.delete(client)) client.terminate();
    else client.ping();
  }
}
