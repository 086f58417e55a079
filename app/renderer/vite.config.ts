/** Builds the window to `dist/renderer`: everything in it is served from there, nothing from the network. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";
import pyodidePackage from "../../node_modules/pyodide/package.json" with { type: "json" };

/**
 * The services validate; here the schemas are types. The bundler cannot know that making one does nothing else: what
 * `app/common` makes is said to be pure where it is made, so that unused schemas, and their library, are left out. To call
 * functions pure by their names instead would reach into every library: names are short there.
 */
const withoutUnusedSchemas: Plugin = {
  name: "without-unused-schemas",
  enforce: "post",
  transform: {
    filter: { id: /\/app\/common\/[\w-]+\.ts$/ },
    handler(code) {
      const insertions: { at: number; text: string }[] = [];
      for (const statement of this.parse(code).body) {
        const declaration = statement.type === "ExportNamedDeclaration" ? statement.declaration : statement;
        if (declaration?.type !== "VariableDeclaration") continue;
        for (const { init } of declaration.declarations) {
          if (init?.type !== "CallExpression" && init?.type !== "ObjectExpression") continue;
          insertions.push({ at: init.start, text: "/* @__PURE__ */ (() => (" }, { at: init.end, text: "))()" });
        }
      }
      return insertions
        .toReversed()
        .reduce((text, { at, text: added }) => text.slice(0, at) + added + text.slice(at), code);
    },
  },
};

/** A component of Mantine whose sheet is not imported would be shown without its style. */
const sheetsOfMantine: Plugin = {
  name: "sheets-of-mantine",
  generateBundle(_, bundle) {
    const imported = new Set([...this.getModuleIds()].map((id) => id.split("?")[0] ?? id));
    for (const chunk of Object.values(bundle)) {
      if (chunk.type !== "chunk") continue;
      for (const id of chunk.moduleIds) {
        const [, packageFolder, name] = /^(.*\/@mantine\/core)\/esm\/.*\/(\w+)\.module\.mjs$/.exec(id) ?? [];
        const sheet = `${packageFolder}/styles/${name}.css`;
        if (name !== undefined && !imported.has(sheet)) {
          this.error(
            `The window uses ${name} of Mantine: import @mantine/core/styles/${name}.css in mantine-styles.ts.`,
          );
        }
      }
    }
  },
};

const PYODIDE_FOLDER = `assets/pyodide-${pyodidePackage.version}`;
const PYODIDE_FILES = ["pyodide.mjs", "pyodide.asm.js", "pyodide.asm.wasm", "python_stdlib.zip", "pyodide-lock.json"];

/** Pyodide asks for its files by their names, so they keep them, unchanged; the folder's name changes with the version. */
function pyodideFiles(): Plugin {
  const packageFolder = fileURLToPath(new URL("../../node_modules/pyodide/", import.meta.url));
  return {
    name: "pyodide files",
    config: () => ({ define: { "import.meta.env.PYODIDE_FOLDER": JSON.stringify(`./${PYODIDE_FOLDER}/`) } }),
    generateBundle() {
      for (const name of PYODIDE_FILES) {
        const source = readFileSync(packageFolder + name);
        this.emitFile({ type: "asset", fileName: `${PYODIDE_FOLDER}/${name}`, source });
      }
    },
  };
}

export default defineConfig({
  root: import.meta.dirname,
  // The desktop window serves the page from a path of its own.
  base: "./",
  plugins: [react(), pyodideFiles(), withoutUnusedSchemas, sheetsOfMantine],
  worker: {
    format: "es",
    // The sandbox has Pyodide in it: what that would take for Node is never reached, and its evals are refused there.
    rolldownOptions: { external: ["node-fetch"], checks: { eval: false } },
  },
  build: {
    outDir: fileURLToPath(new URL("../../dist/renderer", import.meta.url)),
    emptyOutDir: true,
    target: "es2024",
    // Fonts and workers stay files: the content security policy allows no data: addresses for them.
    assetsInlineLimit: 0,
    manifest: true,
    // Monaco is one piece of 4 MB that is loaded on demand.
    chunkSizeWarningLimit: 5000,
    // What a script imports is asked for with it, not after it was read. Every browser that runs this can; the stand-in
    // for others would be an inline script.
    modulePreload: { polyfill: false },
    rolldownOptions: {
      treeshake: { moduleSideEffects: [{ test: /\/app\/common\//, sideEffects: false }] },
    },
  },
});
