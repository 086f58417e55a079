/** Formats away from the page's thread; `format.ts` is the other side. */
import { loadRuff } from "./ruff.ts";

export type FormatRequest = { id: number; text: string };

const loaded = loadRuff();
self.onmessage = async ({ data: { id, text } }: MessageEvent<FormatRequest>) => {
  try {
    const format = await loaded;
    self.postMessage({ id, formatted: format(text) });
  } catch (thrown) {
    self.postMessage({ id, failure: String(thrown) });
  }
};
