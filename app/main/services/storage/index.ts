export { ensureFolder, flushFolder, purgeOlderThan, writeAtomically, writeProblem } from "./files.ts";
export { JsonFile } from "./json-file.ts";
