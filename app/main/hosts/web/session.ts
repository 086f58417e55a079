/**
 * Who may use the web host: a token in the printed address is exchanged once for a cookie. The cookie is signed with a
 * key of the data folder, so it survives a restart; a new key ends all sessions.
 */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { writeAtomically } from "../../services/storage/index.ts";

const KEY_BYTES = 32;
const SESSION_SECONDS = 30 * 24 * 60 * 60;

export type SessionsOptions = {
  dataFolder: string;
  port: number;
  /** Ends all sessions there are. */
  newKey: boolean;
  /** Milliseconds since 1970. */
  now?: () => number;
};

export class Sessions {
  readonly cookieName: string;
  readonly #key: Buffer;
  readonly #now: () => number;
  #token = newToken();

  /** Throws `data_folder` or `disk_full` where the key cannot be kept. */
  constructor({ dataFolder, port, newKey, now = Date.now }: SessionsOptions) {
    // Cookies know no ports: two hosts on one machine must not take each other's.
    this.cookieName = `crusader-${port}`;
    this.#key = loadKey(join(dataFolder, "web-key"), newKey);
    this.#now = now;
  }

  /** The token that lets the next browser in. */
  get token(): string {
    return this.#token;
  }

  /** The value of a Set-Cookie header for the right token, which is then used up; null for any other. */
  exchange(token: string): string | null {
    if (!isEqual(token, this.#token)) return null;
    this.#token = newToken();
    const content = `${Math.floor(this.#now() / 1000)}.${randomBytes(16).toString("base64url")}`;
    const value = `${content}.${this.#sign(content)}`;
    return `${this.cookieName}=${value}; HttpOnly; SameSite=Strict; Path=/; Max-Age=${SESSION_SECONDS}`;
  }

  /** Whether a Cookie header holds a session of ours. */
  admits(cookieHeader: string | undefined): boolean {
    return (cookieHeader ?? "").split(";").some((cookie) => {
      const [name, value = ""] = cookie.trim().split("=", 2);
      return name === this.cookieName && this.#isValid(value);
    });
  }

  #isValid(value: string): boolean {
    const [issued = "", random = "", signature = ""] = value.split(".");
    if (!/^\d{1,12}$/.test(issued) || !isEqual(signature, this.#sign(`${issued}.${random}`))) return false;
    const age = this.#now() / 1000 - Number(issued);
    return age <= SESSION_SECONDS;
  }

  #sign(content: string): string {
    return createHmac("sha256", this.#key).update(`${this.cookieName} ${content}`).digest("base64url");
  }
}

function newToken(): string {
  return randomBytes(24).toString("base64url");
}

/** In a time that says nothing about where they differ. */
function isEqual(a: string, b: string): boolean {
  const digest = (text: string) => createHmac("sha256", "compare").update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

function loadKey(path: string, anew: boolean): Buffer {
  if (anew) rmSync(path, { force: true });
  try {
    const key = Buffer.from(readFileSync(path, "utf8").trim(), "hex");
    if (key.length === KEY_BYTES) return key;
  } catch {
    // Not there yet, or unreadable: the write below says so.
  }
  const key = randomBytes(KEY_BYTES);
  writeAtomically(path, `${key.toString("hex")}\n`);
  return key;
}
