/**
 * The built window. What may be served is listed once, when the host starts: a request can only ever name an entry of
 * that list, so no path of a request is ever joined to a folder.
 */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { extname, join, relative, sep } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { CrusaderError } from "../../common/errors.ts";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json",
  ".map": "application/json",
  ".wasm": "application/wasm",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".ico": "image/x-icon",
  ".woff2": "font/woff2",
  ".ttf": "font/ttf",
  ".txt": "text/plain; charset=utf-8",
  ".py": "text/plain; charset=utf-8",
  ".zip": "application/zip",
};
const OTHER_TYPE = "application/octet-stream";
/** Fonts, images and archives are compressed already. */
const COMPRESSIBLE = /^(?:text\/|application\/(?:json|wasm)|image\/svg)/;
/** Names that change with their content: a hash as Vite writes it, or a version in a folder's name. */
const IMMUTABLE = /(?:-[\w-]{8,}\.\w+$)|(?:\/[a-z]+-\d+\.\d+\.\d+\/)/;

export type StaticFile = { type: string; cacheControl: string; read: (gzipped: boolean) => Promise<Body> };
type Body = { bytes: Buffer; encoding: "gzip" | null };

export class StaticFiles {
  readonly #files = new Map<string, StaticFile>();

  /** Throws `unsupported` where the window is not built. */
  constructor(folder: string) {
    const index = statSync(join(folder, "index.html"), { throwIfNoEntry: false });
    if (index === undefined) {
      throw new CrusaderError("unsupported", "The window is not built.", "Run `npm run build` in Crusader's folder.");
    }
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const path = join(entry.parentPath, entry.name);
      const url = `/${relative(folder, path).split(sep).join("/")}`;
      this.#files.set(url, staticFile(url, path));
    }
  }

  /** By the path of an address, exactly as listed; "/" is the page. */
  get(path: string): StaticFile | undefined {
    return this.#files.get(path === "/" ? "/index.html" : path);
  }
}

function staticFile(url: string, path: string): StaticFile {
  const type = TYPES[extname(path).toLowerCase()] ?? OTHER_TYPE;
  let compressed: Promise<Buffer> | null = null;
  return {
    type,
    cacheControl: IMMUTABLE.test(url) ? "private, max-age=31536000, immutable" : "no-cache",
    async read(gzipped) {
      if (!gzipped || !COMPRESSIBLE.test(type)) return { bytes: readFileSync(path), encoding: null };
      // Once: the files do not change under a running host, and a tunnel is slow.
      compressed ??= promisify(gzip)(readFileSync(path));
      return { bytes: await compressed, encoding: "gzip" };
    },
  };
}
