/** The window's own build, of another page. */
import { fileURLToPath } from "node:url";
import { mergeConfig } from "vite";
import window from "../../app/renderer/vite.config.ts";

export default mergeConfig(window, { root: fileURLToPath(new URL("signers-page", import.meta.url)) });
