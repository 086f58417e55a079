/** Ruff's formatter as WebAssembly; 11 MB that only a worker loads, when something is first formatted. */
import init, { PositionEncoding, Workspace } from "@astral-sh/ruff-wasm-web";

/** The text, formatted; or the first place, both numbers from 1, where it is no Python. */
export type Formatted =
  | { kind: "formatted"; text: string }
  | { kind: "invalid"; line: number; column: number; message: string };

/** As the templates are written; the target is the Python of production's image. */
const OPTIONS = {
  "line-length": 120,
  "target-version": "py311",
  format: { "skip-magic-trailing-comma": true },
};

/** `wasm`: the module's bytes where it cannot be fetched from beside the script. */
export async function loadRuff(wasm?: BufferSource): Promise<(text: string) => Formatted> {
  await init(wasm && { module_or_path: wasm });
  const workspace = new Workspace(OPTIONS, PositionEncoding.Utf16);
  return (text) => {
    try {
      return { kind: "formatted", text: workspace.format(text) };
    } catch (thrown) {
      // The formatter names a place in bytes only; the linter has the same error with its line.
      const diagnostics: { code: string | null; message: string; start_location: { row: number; column: number } }[] =
        workspace.check(text);
      const error = diagnostics.find(({ code }) => code === "invalid-syntax");
      if (error === undefined) throw thrown;
      const { row, column } = error.start_location;
      return { kind: "invalid", line: row, column, message: error.message };
    }
  };
}
