/** What the window may show, load, open and use. Pure decisions; `guard.ts` applies them. */
import { EXTERNAL_LINK_HOSTS } from "../../../common/addresses.ts";
import { PAGE_HOST, PAGE_ORIGIN, PAGE_SCHEME } from "../../../common/desktop-bridge.ts";

/** Null for what is no address. */
function parsed(url: string): URL | null {
  try {
    return new URL(url);
  } catch {
    return null;
  }
}

/** The page itself, as when it reloads. Node knows no origin of a scheme of our own, so its parts are compared. */
export function isPage(url: string): boolean {
  const address = parsed(url);
  return (
    address !== null &&
    address.protocol === `${PAGE_SCHEME}:` &&
    address.host === PAGE_HOST &&
    address.username === "" &&
    address.password === ""
  );
}

/** Where a link or a script wants to take the window: nowhere but to the page. */
export function mayNavigate(url: string): boolean {
  const address = parsed(url);
  return isPage(url) && (address?.pathname === "/" || address?.pathname === "/index.html");
}

/** A link that the system's browser opens. Compared as a whole: `github.com.example` is another host. */
export function mayOpenOutside(url: string): boolean {
  const address = parsed(url);
  return (
    address !== null &&
    address.protocol === "https:" &&
    address.username === "" &&
    address.password === "" &&
    address.port === "" &&
    EXTERNAL_LINK_HOSTS.includes(address.hostname)
  );
}

/** A request of the page: its own files, and what it made itself (downloads, images). */
export function mayLoad(url: string): boolean {
  const address = parsed(url);
  if (address === null) return false;
  if (address.protocol === "blob:") return address.pathname.startsWith(`${PAGE_ORIGIN}/`);
  return address.protocol === "data:" || address.protocol === "devtools:" || isPage(url);
}

/** A page needs to copy text; a microphone, a place or a device it needs never. */
export function mayUse(permission: string, url: string): boolean {
  return permission === "clipboard-sanitized-write" && isPage(url);
}

export type Sender = { url: string; isMainFrame: boolean; isOurWindow: boolean };

/** Who gets a port: the page of our window, in its main frame. */
export function mayConnect({ url, isMainFrame, isOurWindow }: Sender): boolean {
  return isOurWindow && isMainFrame && mayNavigate(url);
}
