/** Files and folders that the system asks the app to open: dropped on its icon, "open with", a recent document. */
import { isAbsolute, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** Those of a command line, without the program, the app itself and options. Relative ones are the caller's. */
export function openedPaths(argv: readonly string[], workingFolder: string, isPackaged: boolean): string[] {
  // While developing, the first argument is the app: `electron .`, perhaps after options.
  const given = argv.slice(1).filter((argument) => argument !== "" && !argument.startsWith("-"));
  const named = isPackaged ? given : given.slice(1);
  return named.flatMap((name) => {
    // Linux desktops name a file by its address.
    const path = /^file:/i.test(name) ? pathOf(name) : name;
    if (path === null) return [];
    return [isAbsolute(path) ? path : resolve(workingFolder, path)];
  });
}

/** Null for the address of another machine's file, or one that names none. */
function pathOf(address: string): string | null {
  try {
    return fileURLToPath(address);
  } catch {
    return null;
  }
}
