/** The window's files under `crusader://app/`: those that were listed at the start, and nothing else. */
import { headersOf, PAGE_HEADERS } from "../../router/page.ts";
import { StaticFiles } from "../../router/static-files.ts";
import { isPage } from "./may-navigate.ts";

export type PageAnswer = { status: number; headers: Record<string, string>; body: Uint8Array | string };

/** Throws `unsupported` where the window is not built. */
export function pageFiles(folder: string): (method: string, url: string) => Promise<PageAnswer> {
  const files = new StaticFiles(folder);
  const say = (status: number, text: string): PageAnswer => ({
    status,
    headers: { ...PAGE_HEADERS, "content-type": "text/plain; charset=utf-8" },
    body: text,
  });
  return async (method, url) => {
    if (method !== "GET") return say(405, "Only GET is served.\n");
    const path = isPage(url) ? new URL(url).pathname : "";
    const file = files.get(path);
    if (file === undefined) return say(404, "There is no such file.\n");
    const { bytes } = await file.read(false);
    return {
      status: 200,
      headers: { ...headersOf(path), "content-type": file.type, "cache-control": file.cacheControl },
      body: bytes,
    };
  };
}
