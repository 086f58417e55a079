/** Names for new files. */
import { fileNameProblem } from "../../../common/workspace.ts";

/** "train_fsdp.py", or "train_fsdp_2.py" where that is taken. */
export function freeName(wanted: string, taken: readonly string[]): string {
  const used = new Set(taken.map((name) => name.toLowerCase()));
  if (!used.has(wanted.toLowerCase())) return wanted;
  const stem = wanted.replace(/\.py$/, "");
  let number = 2;
  while (used.has(`${stem}_${number}.py`.toLowerCase())) number += 1;
  return `${stem}_${number}.py`;
}

/** Null when a file may be called so, else why not. `self` is the name it has now. */
export function newNameProblem(name: string, taken: readonly string[], self?: string): string | null {
  const problem = fileNameProblem(name);
  if (problem !== null) return problem;
  const lower = name.toLowerCase();
  if (lower === self?.toLowerCase()) return null;
  return taken.some((other) => other.toLowerCase() === lower) ? `There is a ${name} already.` : null;
}
