/**
 * One request to an evaluation server, and what became of it in words. Never repeated here: reading a finished job's
 * status makes the server forget it, so nothing may ask twice behind the caller's back (a pool of connections would).
 */
import { type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { CrusaderError } from "../../../common/errors.ts";
import { formatBytes } from "../../../common/format.ts";
import type { Access } from "./server-list.ts";

/** Diagnostics may be long; a log or a loss curve fits many times over. */
export const MAX_ANSWER_BYTES = 4 * 1024 * 1024;
const CONNECT_TIMEOUT_MS = 15_000;
const DEFAULT_TIMEOUT_MS = 60_000;
/** Of what a server says about its refusal, as much is shown. */
const MAX_SAID_CHARACTERS = 300;

export type Question = {
  method: "GET" | "POST";
  /** Below the server's address, with its slash. */
  path: string;
  body?: string;
  /** False where no token is due: it goes no further than it must. */
  withToken?: boolean;
  signal?: AbortSignal | undefined;
  /** Beside those of every request. */
  headers?: Readonly<Record<string, string>>;
  /** Of the whole exchange. */
  timeoutMs?: number;
  /** Called with each piece of the body of an answer 200, as it comes. */
  onPiece?: (piece: Buffer) => void;
};

export type Answer = {
  status: number;
  /** What the server asks to wait; null where it says nothing, or nothing sensible. */
  retryAfterSeconds: number | null;
  body: Buffer;
  /** What to ask with whether it has changed; null where the server says none. */
  etag: string | null;
  lastModified: string | null;
};

/** Why there is no whole answer. */
export class RequestProblem extends Error {
  /**
   * `unreachable`: nothing of the request can have arrived. `broken`: it may have, and an answer may have been on its
   * way. `too_large`: the answer was cut off. `aborted`: by the caller.
   */
  readonly kind: "unreachable" | "broken" | "too_large" | "aborted";
  /** What to do about it; empty where waiting is all there is. */
  readonly hint: string;
  /** Of the answer's body, what came. */
  readonly receivedBytes: number;

  constructor(kind: RequestProblem["kind"], message: string, hint = "", receivedBytes = 0) {
    super(message);
    this.name = "RequestProblem";
    this.kind = kind;
    this.hint = hint;
    this.receivedBytes = receivedBytes;
  }
}

/** Rejects with `RequestProblem` only. Follows no redirect: it is an answer like any other. */
export function ask(
  { address, token }: Pick<Access, "address" | "token">,
  { method, path, body, withToken = true, headers = {}, signal, timeoutMs = DEFAULT_TIMEOUT_MS, onPiece }: Question,
): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const url = new URL(`${address}${path}`);
  const send = url.protocol === "https:" ? requestHttps : requestHttp;
  let connected = false;
  let receivedBytes = 0;
  const request = send(url, {
    method,
    // A connection of its own, see above.
    agent: false,
    headers: {
      accept: "application/json",
      "accept-encoding": "identity",
      connection: "close",
      ...(withToken && token !== null ? { authorization: `Bearer ${token}` } : {}),
      ...headers,
      ...(body === undefined
        ? {}
        : { "content-type": "application/json", "content-length": String(Buffer.byteLength(body)) }),
    },
  });
  const fail = (problem: RequestProblem) => {
    reject(problem);
    request.destroy();
  };
  const broken = (message: string) =>
    new RequestProblem(connected ? "broken" : "unreachable", message, "", receivedBytes);
  const abort = () => fail(new RequestProblem("aborted", "The request was given up.", "", receivedBytes));
  const whole = setTimeout(
    () => fail(broken(`no whole answer came within ${Math.round(timeoutMs / 1000)} s`)),
    timeoutMs,
  );
  const connecting = setTimeout(
    () => {
      if (!connected) fail(broken(`no connection within ${CONNECT_TIMEOUT_MS / 1000} s`));
    },
    Math.min(CONNECT_TIMEOUT_MS, timeoutMs),
  );
  request.on("socket", (socket) => {
    socket.once(url.protocol === "https:" ? "secureConnect" : "connect", () => {
      connected = true;
    });
  });
  request.on("error", (error: NodeJS.ErrnoException) => {
    const { message, hint } = connectionWords(error);
    reject(new RequestProblem(connected ? "broken" : "unreachable", message, hint, receivedBytes));
  });
  request.on("response", (response: IncomingMessage) => {
    const pieces: Buffer[] = [];
    response.on("data", (piece: Buffer) => {
      receivedBytes += piece.length;
      if (receivedBytes > MAX_ANSWER_BYTES) {
        const message = `the answer is larger than ${formatBytes(MAX_ANSWER_BYTES)}`;
        fail(new RequestProblem("too_large", message, "", receivedBytes));
        return;
      }
      pieces.push(piece);
      if (response.statusCode === 200) onPiece?.(piece);
    });
    response.on("error", () => reject(broken("the connection broke while the answer was read")));
    response.on("end", () => {
      if (!response.complete) {
        reject(broken("the connection broke while the answer was read"));
        return;
      }
      resolve({
        status: response.statusCode ?? 0,
        retryAfterSeconds: retryAfter(response.headers["retry-after"]),
        body: Buffer.concat(pieces),
        etag: response.headers.etag ?? null,
        lastModified: response.headers["last-modified"] ?? null,
      });
    });
  });
  signal?.addEventListener("abort", abort, { once: true });
  if (signal?.aborted === true) abort();
  else request.end(body);
  return promise.finally(() => {
    clearTimeout(whole);
    clearTimeout(connecting);
    signal?.removeEventListener("abort", abort);
  });
}

/** Null: the server answers and is well. */
export async function checkHealth(access: Access, signal?: AbortSignal): Promise<CrusaderError | null> {
  try {
    const answer = await ask(access, { method: "GET", path: "/health", withToken: false, signal, timeoutMs: 15_000 });
    return answer.status === 200 ? null : statusProblem(access, answer, "about its health");
  } catch (error) {
    if (!(error instanceof RequestProblem)) throw error;
    return unreachable(access, error);
  }
}

export function unreachable({ name, address }: Access, { message, hint }: RequestProblem): CrusaderError {
  return new CrusaderError(
    "server_unreachable",
    `The evaluation server ${name} (${address}) cannot be asked: ${message}.`,
    hint || "Check that the box runs, that the address and port are right, and that a tunnel to it is open.",
  );
}

/** What an answer other than the expected one means. `about` continues "asked ...". */
export function statusProblem({ name, token }: Access, answer: Answer, about: string): CrusaderError {
  const { what, hint } = statusWords(answer.status);
  return new CrusaderError(
    "server_refused",
    `The evaluation server ${name}, asked ${about}, answered ${answer.status}: ${what}.`,
    hint,
    wordsOf(answer.body, token),
  );
}

function statusWords(status: number): { what: string; hint: string } {
  if (status >= 300 && status < 400) {
    const hint =
      "Name the address it redirects to, if it is yours: code and token are sent to no address you did not name.";
    return { what: "it redirects, which is not followed", hint };
  }
  const known = STATUS_WORDS[status];
  if (known !== undefined) return { what: known[0], hint: known[1] };
  if (status >= 500) return { what: "it failed itself", hint: "Look at its log, and try again." };
  return { what: "an answer that it never gives", hint: "Check that the address is that of an evaluation server." };
}

const STATUS_WORDS: Readonly<Record<number, readonly [what: string, hint: string]>> = {
  400: ["it does not understand the request", "It may run another version of the image: compare it with the profile."],
  401: [
    "it wants a token, or another one",
    "Give it the token of its EVAL_AUTH_TOKEN: crusader servers add NAME ADDRESS --replace --token-file FILE",
  ],
  403: [
    "the token may not do this",
    "Give it a token that may: crusader servers add NAME ADDRESS --replace --token-file FILE",
  ],
  404: ["it has no such path", "Check that the address is that of an evaluation server, with its path if it has one."],
  405: ["it has no such path", "Check that the address is that of an evaluation server, with its path if it has one."],
  409: ["that conflicts with what it is doing", "Another evaluation may be going on: wait for its end."],
  413: ["the file is too large for it", "A proxy before it may limit the size of requests."],
  422: [
    "it does not take the request's fields",
    "Its image may be of another version than the profile: rebuild it, or choose the profile that it was built for.",
  ],
  429: ["it has too much to do", "Wait for its other evaluations to end, and try again."],
  502: ["nothing answers behind its proxy", "See whether the server's process runs."],
  503: ["it is not ready", "It may still be starting: wait, and try again."],
  504: ["nothing answers behind its proxy in time", "See whether the server's process runs."],
};

/** What a server says about its refusal (FastAPI's `detail`), short and without the token; empty where it says nothing. */
export function wordsOf(body: Buffer, token: string | null): string {
  let detail: unknown;
  try {
    detail = (JSON.parse(body.toString("utf8")) as { detail?: unknown } | null)?.detail;
  } catch {
    return "";
  }
  if (detail === undefined || detail === null) return "";
  return withoutToken(typeof detail === "string" ? detail : JSON.stringify(detail), token).slice(
    0,
    MAX_SAID_CHARACTERS,
  );
}

/** A server may repeat what it was sent, and it must not be kept. */
export function withoutToken(text: string, token: string | null): string {
  return token === null ? text : text.replaceAll(token, "<token>");
}

function retryAfter(header: string | undefined): number | null {
  return header !== undefined && /^\d{1,6}$/.test(header) ? Number(header) : null;
}

function connectionWords(error: NodeJS.ErrnoException): { message: string; hint: string } {
  const [message, hint] = CONNECTION_WORDS[error.code ?? ""] ?? [
    `the connection failed (${error.code ?? error.message})`,
    "",
  ];
  return { message, hint };
}

const TRUST = "If it is yours and its certificate is your own, name the certificate's file in NODE_EXTRA_CA_CERTS.";
const CONNECTION_WORDS: Readonly<Record<string, readonly [message: string, hint: string]>> = {
  ECONNREFUSED: ["nothing listens there", ""],
  ECONNRESET: ["the connection broke", ""],
  EPIPE: ["the connection broke", ""],
  ENOTFOUND: ["its name is not known", "Check how the address is written."],
  EAI_AGAIN: ["names cannot be looked up now", "Check this machine's network."],
  ETIMEDOUT: ["no connection in time", ""],
  EHOSTUNREACH: ["there is no way to that machine", "Check this machine's network."],
  ENETUNREACH: ["there is no way to that network", "Check this machine's network."],
  CERT_HAS_EXPIRED: ["its certificate has expired", "Renew it on the box, and check this machine's clock."],
  CERT_NOT_YET_VALID: ["its certificate is not valid yet", "Check the clocks of both machines."],
  DEPTH_ZERO_SELF_SIGNED_CERT: ["its certificate is signed by itself, so nothing vouches for it", TRUST],
  SELF_SIGNED_CERT_IN_CHAIN: ["its certificate is signed by an authority that nobody vouches for", TRUST],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: ["its certificate cannot be verified", TRUST],
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: ["its certificate's issuer is not known here", TRUST],
  ERR_TLS_CERT_ALTNAME_INVALID: ["its certificate is for another name", "Use the name that the certificate is for."],
  EPROTO: ["it does not speak TLS there", "It may be plain http: then the address begins with http://."],
  ERR_SSL_WRONG_VERSION_NUMBER: [
    "it does not speak TLS there",
    "It may be plain http: then the address begins with http://.",
  ],
  ERR_SSL_PACKET_LENGTH_TOO_LONG: [
    "it does not speak TLS there",
    "It may be plain http: then the address begins with http://.",
  ],
  HPE_INVALID_CONSTANT: ["what answers there does not speak HTTP", "Check the port."],
  HPE_HEADER_OVERFLOW: ["its answer is no sensible HTTP", "Check the port."],
};
