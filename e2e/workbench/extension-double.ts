/** The double of a browser's extension (signers-page/injected-extension.ts), as a script for any page. */
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import type { ExtensionOptions } from "./signers-page/extension-control.ts";

const SOURCE = fileURLToPath(new URL("signers-page/injected-extension.ts", import.meta.url));

/** Run it in a page before or after the page's own scripts; it can then be told what to do by `window.extension`. */
export async function extensionScript(options: ExtensionOptions): Promise<string> {
  const build = await rolldown({ input: SOURCE, platform: "browser" });
  const { output } = await build.generate({ format: "iife", name: "extensionDouble" });
  await build.close();
  return `${output[0].code}\nextensionDouble.install(${JSON.stringify(options)});`;
}
