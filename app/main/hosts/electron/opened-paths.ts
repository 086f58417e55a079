/** Files and folders that the system asks the app to open: dropped on its icon, "open with", a recent document. */
import { isAbsolute, resolve } from "node:path";

/** Those of a command line, without the program, the app itself and options. Relative ones are the caller's. */
export function openedPaths(argv: readonly string[], workingFolder: string, isPackaged: boolean): string[] {
  // While developing, the first argument is the app: `electron .`, perhaps after options.
  const given = argv.slice(1).filter((argument) => argument !== "" && !argument.startsWith("-"));
  const named = isPackaged ? given : given.slice(1);
  return named.map((path) => (isAbsolute(path) ? path : resolve(workingFolder, path)));
}
