/** What every host says with the window's files. */

/** Monaco and xterm need inline styles, Pyodide needs WebAssembly, nothing needs another origin. */
export const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; font-src 'self'; " +
  "img-src 'self' data:; connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/**
 * For the worker in which code of the validator's repository runs: no connection, no further script or worker, no eval.
 * A worker that comes over HTTP or from `crusader:` has the policy it came with, and no other.
 */
export const SANDBOX_POLICY = "default-src 'none'; script-src 'wasm-unsafe-eval'";
/** That worker, as Vite names it; it refuses to run where it came without the policy. */
const SANDBOX_FILE = /^\/assets\/sandbox-worker-[\w-]+\.js$/;

export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy": CONTENT_SECURITY_POLICY,
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "permissions-policy": "camera=(), microphone=(), geolocation=()",
};

/** The headers of one file, by the path of its address. */
export function headersOf(path: string): Readonly<Record<string, string>> {
  return SANDBOX_FILE.test(path) ? { ...PAGE_HEADERS, "content-security-policy": SANDBOX_POLICY } : PAGE_HEADERS;
}
