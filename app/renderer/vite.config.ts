/** Builds the window to `dist/renderer`: everything in it is served from there, nothing from the network. */
import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  root: import.meta.dirname,
  // The desktop window serves the page from a path of its own.
  base: "./",
  plugins: [react()],
  worker: { format: "es" },
  build: {
    outDir: fileURLToPath(new URL("../../dist/renderer", import.meta.url)),
    emptyOutDir: true,
    target: "es2024",
    // Fonts and workers stay files: the content security policy allows no data: addresses for them.
    assetsInlineLimit: 0,
    manifest: true,
    // Monaco is one piece of 4 MB that is loaded on demand.
    chunkSizeWarningLimit: 5000,
    // Everything comes from this machine; preloading saves nothing and would inline a script.
    modulePreload: false,
  },
});
