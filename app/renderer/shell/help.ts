/** What the help commands do. */
import { createStore } from "zustand/vanilla";
import type { ExportedFile } from "../../common/history.ts";

export const about = createStore<{ open: boolean }>(() => ({ open: false }));
export function showAbout(): void {
  about.setState({ open: true });
}

/** Has the browser save a file. */
export function downloadFile({ fileName, mediaType, text }: ExportedFile): void {
  const address = URL.createObjectURL(new Blob([text], { type: mediaType }));
  const link = document.createElement("a");
  link.href = address;
  link.download = fileName;
  link.click();
  URL.revokeObjectURL(address);
}
