import type { SimulationOptions } from "../../../common/simulation.ts";

/** `crusader simulate` with these options, for a POSIX shell. */
export function terminalCommand(
  { profile, container, numRanks, seed, evaluation, ignoreCudaNeeds }: SimulationOptions,
  file: string,
  orderFile: string,
): string {
  const { engine, image, gpus, runProfile } = container ?? {};
  const words = [
    // A name that begins so would be an option.
    ...["crusader", "simulate", file.startsWith("-") ? `./${file}` : file, "--profile", profile, "--backend", "docker"],
    ...(engine === undefined ? [] : ["--engine", engine]),
    ...(runProfile === "public" ? ["--run-profile", runProfile] : []),
    ...(gpus === undefined ? [] : ["--gpus", gpus.join(",")]),
    ...(image === undefined ? [] : ["--image", image]),
    ...(numRanks === undefined ? [] : ["--num-gpus", String(numRanks)]),
    ...(seed === undefined ? [] : ["--seed", seed]),
    ...(evaluation === "production" ? ["--evaluation", evaluation] : []),
    ...(ignoreCudaNeeds ? ["--ignore-cuda-needs"] : []),
    ...["--write-order", orderFile],
  ];
  return words.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)).join(" ");
}
