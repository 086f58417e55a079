/** Where the files lie that are read as files, by Python among others: simulator-image, hparams, templates. */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const MARK = join("simulator-image", "crusades_eval", "scan.py");

/**
 * The folder that holds them, for the code at `moduleUrl`: the nearest one above it that has the scanner. In a checkout
 * that is the repository, for the sources as for what is built into dist/; in a package the folder beside app.asar,
 * which is itself no folder for Python. An `Error` where there is none: the installation is incomplete.
 */
export function resourceRoot(moduleUrl: string): string {
  const start = dirname(fileURLToPath(moduleUrl));
  for (let folder = start; ; folder = dirname(folder)) {
    if (existsSync(join(folder, MARK))) return folder;
    if (folder === dirname(folder)) throw new Error(`No folder above ${start} has ${MARK}: install Crusader again.`);
  }
}
