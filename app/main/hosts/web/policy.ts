/** What the web host lets in. Pure decisions; `web-host.ts` applies them. */
import { PAGE_HEADERS } from "../../router/page.ts";

export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  ...PAGE_HEADERS,
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
};

const LOCAL_NAMES = new Set(["127.0.0.1", "localhost", "[::1]"]);

export type Asking = {
  method: string | undefined;
  /** Headers as they came; undefined where they are absent. */
  host: string | undefined;
  origin: string | undefined;
  fetchSite: string | undefined;
  isUpgrade: boolean;
};

/**
 * Why a request is refused before anything else is looked at; null where it may go on.
 *
 * The Host must name this machine: with DNS rebinding a foreign page reaches this server under its own name. Any port
 * will do, as a tunnel may use another one. A page's Origin must be this very host; browsers always send one with a
 * WebSocket, whose opening no other rule of theirs restricts.
 */
export function refusal({ method, host, origin, fetchSite, isUpgrade }: Asking): string | null {
  if (method !== "GET" && (method !== "HEAD" || isUpgrade)) return "Only GET is served.";
  if (host === undefined || !isLocal(host)) return "This host name is not served.";
  if (isUpgrade && origin === undefined) return "An origin is needed.";
  if (origin !== undefined && origin !== `http://${host}`) return "This origin is not served.";
  // "none": typed, or opened from another program. A link on a foreign page may only open the page itself.
  if (fetchSite !== undefined && !["same-origin", "none"].includes(fetchSite) && isUpgrade) {
    return "This site is not served.";
  }
  return null;
}

function isLocal(host: string): boolean {
  const match = /^(\[[0-9a-f:]+\]|[^:[\]]+)(?::\d{1,5})?$/i.exec(host);
  return match?.[1] !== undefined && LOCAL_NAMES.has(match[1].toLowerCase());
}
