/** Which judge an image holds: the value of its label `crusader.source`. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * A hash over the evaluation and what it needs, by name and content: `crusades_eval/*.py` and `requirements-*.txt` of
 * `packageFolder`.
 */
export function imageSource(packageFolder: string): string {
  const modules = readdirSync(join(packageFolder, "crusades_eval")).filter((name) => name.endsWith(".py"));
  const requirements = readdirSync(packageFolder).filter((name) => /^requirements-.*\.txt$/.test(name));
  const hash = createHash("sha256");
  for (const name of [...modules.map((module) => join("crusades_eval", module)), ...requirements].sort()) {
    const content = readFileSync(join(packageFolder, name));
    hash.update(`${name.replaceAll("\\", "/")}\0${content.length}\0`).update(content);
  }
  return hash.digest("hex").slice(0, 16);
}
