/** What passes between the window and the sandbox in which code of the validator runs. */

/** The first message: what Pyodide is made of, for a worker that can fetch nothing. */
export type StartOrder = {
  kind: "start";
  wasm: WebAssembly.Module;
  /** python_stdlib.zip. */
  standardLibrary: ArrayBuffer;
  /** The validator's definitions, and the name of the one that is asked. */
  definitions: string;
  entry: string;
};
export type AskOrder = { kind: "ask"; text: string; numGpus: number };

/**
 * From the sandbox, one to each order. `json` is made by code that cannot be trusted: `answers.ts` reads it. `failed`: the
 * sandbox could not be made.
 */
export type SandboxMessage = { kind: "started" | "answer" | "failed"; json: string };
