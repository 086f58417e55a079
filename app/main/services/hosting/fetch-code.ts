/**
 * Fetches a hosted file as the validator will: IPv4 only, no address inside a network, redirects followed and checked
 * alike, a limit on time and on bytes.
 *
 * The host is anybody's. Each name is resolved once, and the connection goes to the very address that was checked, so a
 * name that is resolved differently a moment later (DNS rebinding) leads nowhere else.
 */
import { lookup } from "node:dns/promises";
import { type IncomingMessage, type RequestOptions, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { isIP, type LookupFunction } from "node:net";
import { pipeline, Readable, type Transform } from "node:stream";
import { createGunzip, createInflate } from "node:zlib";
import { MAX_CODE_SIZE } from "../../../common/code-url.ts";
import { CrusaderError } from "../../../common/errors.ts";
import { refusedRange } from "./address-rules.ts";

export type Network = {
  /** The IPv4 addresses of a host, as far as they are known. */
  resolve: (host: string) => Promise<string[]>;
  /** Where a connection to a checked address really goes; only tests know another place. */
  reach: (address: string) => string;
};

export type FetchOptions = {
  /** Of the whole fetch, redirects included; the profile's `code_fetch_timeout`. */
  timeoutMs: number;
  signal?: AbortSignal;
  /** Origins ("http://127.0.0.1:4711") that are fetched from whatever their address: those of the practice network's host. */
  allowedOrigins?: readonly string[];
  network?: Network;
};

export type FetchedCode = {
  bytes: Buffer;
  /** Every URL that was asked, the last one being where the bytes came from. */
  urls: string[];
};

const MAX_REDIRECTS = 10;
/** What packing may add to bytes that do not shrink, and more than any header of it. */
const PACKING_BYTES = 65_536;
const INTERNET: Network = {
  resolve: async (host) => (await lookup(host, { all: true, family: 4 })).map(({ address }) => address),
  reach: (address) => address,
};

/**
 * Throws `fetch_failed` for what the validator would not get either, `too_large` for more than 500,000 bytes, or the
 * signal's reason when it aborts.
 */
export async function fetchCode(
  url: string,
  { timeoutMs, signal, allowedOrigins = [], network = INTERNET }: FetchOptions,
): Promise<FetchedCode> {
  const tooSlow = AbortSignal.timeout(timeoutMs);
  const ended = signal === undefined ? tooSlow : AbortSignal.any([signal, tooSlow]);
  try {
    return await follow(url, { network, allowedOrigins }, ended);
  } catch (error) {
    signal?.throwIfAborted();
    if (tooSlow.aborted) {
      const seconds = timeoutMs / 1000;
      throw failed(
        `The file did not come within ${seconds} s, the time that the validator allows`,
        "Use a faster host.",
      );
    }
    if (error instanceof CrusaderError) throw error;
    throw connectionFailure(error as NodeJS.ErrnoException);
  }
}

type Reach = Required<Pick<FetchOptions, "network" | "allowedOrigins">>;

async function follow(first: string, reach: Reach, ended: AbortSignal): Promise<FetchedCode> {
  const urls: string[] = [];
  let next = first;
  while (urls.length <= MAX_REDIRECTS) {
    const url = checkedUrl(next, urls.length > 0);
    urls.push(url.href);
    const address = await checkedAddress(url, reach, ended);
    const response = await get(url, reach.network.reach(address), ended);
    try {
      const location = redirectOf(response, url);
      if (location === null) return { bytes: await body(response, ended), urls };
      next = location;
    } finally {
      response.destroy();
    }
  }
  throw failed(`The URL redirects more than ${MAX_REDIRECTS} times`, "Use the address that it ends at.");
}

function checkedUrl(text: string, isRedirect: boolean): URL {
  const url = URL.parse(text);
  const isHttp = url?.protocol === "https:" || url?.protocol === "http:";
  if (url !== null && isHttp) return url;
  const what = isRedirect
    ? "The URL redirects to what is no http or https address"
    : "This is no http or https address";
  throw failed(what, "Use the address of the file itself.", text.slice(0, 300));
}

/** The address that the connection goes to. */
async function checkedAddress(url: URL, { network, allowedOrigins }: Reach, ended: AbortSignal): Promise<string> {
  const host = url.hostname;
  const isLiteral = isIP(host.replace(/^\[|\]$/g, "")) !== 0;
  const addresses = isLiteral ? [host] : await beforeTheEnd(resolved(host, network), ended);
  const ipv4 = addresses.filter((address) => isIP(address) === 4);
  const [address] = ipv4;
  if (address === undefined) {
    throw failed(`${host} has no IPv4 address, and the validator uses no other`, "Use a host that has one.");
  }
  const isAllowed = allowedOrigins.includes(url.origin);
  for (const each of isAllowed ? [] : ipv4) {
    const what = refusedRange(each);
    if (what === null) continue;
    throw failed(
      `${host} leads to ${each}, which is ${what}: the validator does not fetch from there`,
      "Use a host on the internet.",
    );
  }
  return address;
}

async function resolved(host: string, network: Network): Promise<string[]> {
  try {
    return await network.resolve(host);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOTFOUND" && code !== "ENODATA") throw error;
    throw failed(`The name ${host} is not known, or has no IPv4 address`, "Check how the URL is written.");
  }
}

/** Looking up a name takes no signal. */
async function beforeTheEnd<T>(work: Promise<T>, ended: AbortSignal): Promise<T> {
  ended.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = () => reject(ended.reason);
  ended.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    ended.removeEventListener("abort", abort);
  }
}

function get(url: URL, address: string, signal: AbortSignal): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const toAddress: LookupFunction = (_host, { all }, callback) => {
    if (all === true) callback(null, [{ address, family: 4 }]);
    else callback(null, address, 4);
  };
  const options: RequestOptions = {
    // A connection of its own: one that is kept could lead elsewhere.
    agent: false,
    lookup: toAddress,
    signal,
    headers: { accept: "*/*", "accept-encoding": "gzip, deflate", "user-agent": "crusader" },
  };
  const request = url.protocol === "https:" ? requestHttps(url, options) : requestHttp(url, options);
  request.on("response", resolve);
  request.on("error", reject);
  request.end();
  return promise;
}

/** Null for an answer that is the file; throws for one that is neither. */
function redirectOf({ statusCode = 0, headers }: IncomingMessage, url: URL): string | null {
  if (statusCode === 200) return null;
  if ([301, 302, 303, 307, 308].includes(statusCode)) {
    const location = headers.location === undefined ? null : URL.parse(headers.location, url.href);
    if (location !== null) return location.href;
    throw failed(`${url.host} redirects, without saying where to`, "Use the address of the file itself.");
  }
  const [what, hint] = STATUS_WORDS[statusCode] ?? [
    statusCode >= 500 ? "the host failed" : "that is no file",
    "Open the URL in a browser without being signed in.",
  ];
  throw failed(`${url.host} answered ${statusCode}: ${what}`, hint);
}

const PUBLIC = "The validator is signed in nowhere: make the file public, or its address secret but open.";
const STATUS_WORDS: Readonly<Record<number, readonly [what: string, hint: string]>> = {
  401: ["only who is signed in may read it", PUBLIC],
  403: ["it may not be read", PUBLIC],
  404: [
    "nothing is there, or not for everybody",
    "Check how the URL is written, and whether it opens without being signed in.",
  ],
  410: ["it is gone", "Upload it again, under a new URL."],
  429: ["too many have asked", "Wait a little; should it go on, use another host, as the validator may meet the same."],
};

async function body(response: IncomingMessage, signal: AbortSignal): Promise<Buffer> {
  const coding = (response.headers["content-encoding"] ?? "identity").trim().toLowerCase();
  const unpack = UNPACKERS.get(coding);
  if (unpack === undefined) {
    throw failed(`The host packs the file as "${coding.slice(0, 40)}", which nobody asked for`, "Use another host.");
  }
  const pieces: Buffer[] = [];
  let byteCount = 0;
  for await (const piece of unpack(limited(response, signal))) {
    byteCount += piece.length;
    if (byteCount > MAX_CODE_SIZE) throw tooLarge();
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

/** What comes over the wire: unpacked, an endless stream may be of no length at all. */
async function* limited(response: IncomingMessage, signal: AbortSignal): AsyncGenerator<Buffer> {
  let byteCount = 0;
  for await (const piece of response) {
    signal.throwIfAborted();
    byteCount += piece.length;
    if (byteCount > MAX_CODE_SIZE + PACKING_BYTES) throw tooLarge();
    yield piece;
  }
}

type Unpack = (packed: AsyncGenerator<Buffer>) => AsyncIterable<Buffer>;
const UNPACKERS: ReadonlyMap<string, Unpack> = new Map<string, Unpack>([
  ["identity", (packed) => packed],
  ["gzip", (packed) => through(packed, createGunzip())],
  ["x-gzip", (packed) => through(packed, createGunzip())],
  ["deflate", (packed) => through(packed, createInflate())],
]);

/** The end of either, and its failure, is the other's. */
function through(packed: AsyncGenerator<Buffer>, unpacker: Transform): Transform {
  // Whoever reads the unpacker hears of every failure; the callback need not.
  pipeline(Readable.from(packed), unpacker, () => undefined);
  return unpacker;
}

function tooLarge(): CrusaderError {
  return new CrusaderError(
    "too_large",
    `More than ${MAX_CODE_SIZE.toLocaleString("en-US")} bytes lie there: the validator stops reading, and fails the submission.`,
    "Check that the URL is that of the file itself.",
  );
}

function connectionFailure({ code, message }: NodeJS.ErrnoException): CrusaderError {
  const known = CONNECTION_WORDS[code ?? ""];
  if (known !== undefined) return failed(...known);
  if (code?.startsWith("Z_")) return failed("What the host packed cannot be unpacked", "Use another host.", message);
  if (/CERT|TLS|SSL|SIGNED/.test(code ?? "")) {
    return failed(`The host cannot prove who it is (${code})`, "Use a host with a valid certificate.", message);
  }
  return failed(`The connection failed (${code ?? message})`, "Try again.", message);
}

const CONNECTION_WORDS: Readonly<Record<string, readonly [what: string, hint: string]>> = {
  EAI_AGAIN: ["Names cannot be looked up now", "Check this machine's network."],
  ECONNREFUSED: ["Nothing listens at the host", "Check how the URL is written, and whether the host is up."],
  ECONNRESET: ["The host broke the connection off", "Try again; should it go on, use another host."],
  EPROTO: ["The host does not speak https there", "Check the URL's port, or whether it is meant to be http."],
  ERR_STREAM_PREMATURE_CLOSE: ["The host broke the connection off", "Try again; should it go on, use another host."],
};

function failed(what: string, hint: string, detail = ""): CrusaderError {
  return new CrusaderError("fetch_failed", `${what}.`, hint, detail);
}
