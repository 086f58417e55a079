/** Lets the browser save a file that the services made. */
import type { ExportedFile } from "../../common/history.ts";

export function saveFile({ fileName, mediaType, text }: ExportedFile): void {
  saveBlob(fileName, new Blob([text], { type: mediaType }));
}

export function saveBlob(fileName: string, blob: Blob): void {
  const address = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = address;
  link.download = fileName;
  link.click();
  // The download has begun by then, whatever the browser.
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
