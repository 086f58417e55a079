/** What a build gets to see: a private temporary folder with nothing but what the Dockerfiles copy. */
import {
  copyFileSync,
  cpSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { bakedIn } from "../../../common/container-image.ts";
import { CrusaderError } from "../../../common/errors.ts";
import { ensureFolder, purgeOlderThan } from "../storage/index.ts";
import { imageSource } from "./image-source.ts";

export type Dockerfile = "Dockerfile" | "Dockerfile.cpu";

/** In the data folder, which is private. What a killed process left there goes with a later build. */
const CONTEXTS = "image-contexts";
const LEFT_AFTER_MS = 24 * 3600 * 1000;

export function dockerfileOf(profile: Readonly<Record<string, unknown>>): Dockerfile {
  return (profile.crusader as { device?: string } | undefined)?.device === "cpu" ? "Dockerfile.cpu" : "Dockerfile";
}

/** Names of the wheels in a folder. Throws `not_found` where there is no such folder, or none in it. */
export function wheelsIn(folder: string): string[] {
  let entries: string[];
  try {
    entries = readdirSync(folder);
  } catch (error) {
    throw new CrusaderError("not_found", `The folder ${folder} cannot be read.`, "", (error as Error).message);
  }
  const wheels = entries.filter((name) => name.endsWith(".whl") && isFile(join(folder, name)));
  if (wheels.length > 0) return wheels.sort();
  throw new CrusaderError("not_found", `There are no wheels (*.whl) in ${folder}.`, "pip download makes some.");
}

/** A link whose target is gone is none. */
function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** Makes it; the caller removes it with `removeContext`. Throws `disk_full` and `access_denied` among others of `wheelsIn`. */
export function makeContext(
  { dataFolder, packageFolder }: { dataFolder: string; packageFolder: string },
  {
    profile,
    wheelsFolder,
  }: { profile: { raw: object; resolved: Record<string, unknown> }; wheelsFolder: string | undefined },
): string {
  const wheels = wheelsFolder === undefined ? [] : wheelsIn(wheelsFolder);
  const contexts = join(dataFolder, CONTEXTS);
  ensureFolder(contexts);
  purgeOlderThan(contexts, LEFT_AFTER_MS, Date.now());
  const folder = mkdtempSync(join(contexts, "context-"));
  try {
    const dockerfile = dockerfileOf(profile.resolved);
    const requirements = dockerfile === "Dockerfile" ? "requirements-production.txt" : "requirements-cpu.txt";
    for (const name of [dockerfile, requirements, "bake.py"])
      copyFileSync(join(packageFolder, name), join(folder, name));
    cpSync(join(packageFolder, "crusades_eval"), join(folder, "crusades_eval"), {
      recursive: true,
      filter: (path) => !path.endsWith("__pycache__"),
    });
    writeFileSync(join(folder, "hparams.json"), `${JSON.stringify(profile.raw, null, 2)}\n`);
    if (wheelsFolder !== undefined) mkdirSync(join(folder, "wheels"));
    for (const name of wheels) takeFile(join(wheelsFolder ?? "", name), join(folder, "wheels", name));
    return folder;
  } catch (error) {
    removeContext(folder);
    const { code, path = "", message } = error as NodeJS.ErrnoException;
    if (code === "ENOSPC") {
      throw new CrusaderError("disk_full", `The disk is full: ${folder} could not be written.`, "Free some space.");
    }
    if (code !== "EACCES" && code !== "EPERM") throw error;
    throw new CrusaderError("access_denied", `${path} may not be read.`, "Check its owner and rights.", message);
  }
}

export function removeContext(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}

/** The arguments of the Dockerfile for that profile. */
export function buildArguments(
  packageFolder: string,
  profile: Readonly<Record<string, unknown>>,
  { base, torchIndex }: { base: string | undefined; torchIndex: string | null },
): Record<string, string> {
  const dockerfile = dockerfileOf(profile);
  const text = (key: string) => String(profile[key] ?? "");
  return {
    ...(base === undefined ? {} : { BASE: base }),
    ...(torchIndex === null ? {} : { TORCH_INDEX: torchIndex }),
    ...(dockerfile === "Dockerfile.cpu"
      ? {}
      : {
          MODEL: text("benchmark_model_name"),
          TOKENIZER: text("benchmark_tokenizer_name"),
          DATASET: text("benchmark_dataset_name"),
          SPLIT: text("benchmark_dataset_split"),
          SAMPLES: text("benchmark_data_samples"),
        }),
    PROFILE: bakedIn(profile),
    PACKAGES: packagesOf(packageFolder, dockerfile),
    SOURCE: imageSource(packageFolder),
  };
}

/** "torch==2.13.0+cpu transformers==4.57.6 ...": what is pinned for Linux and Python 3.11. */
function packagesOf(packageFolder: string, dockerfile: Dockerfile): string {
  const file = dockerfile === "Dockerfile" ? "requirements-production.txt" : "requirements-cpu.txt";
  return readFileSync(join(packageFolder, file), "utf8")
    .split("\n")
    .filter((line) => /^[\w-]+==/.test(line) && !/!= "linux"|== "win32"|>= "3\.14"/.test(line))
    .map((line) => line.split(";")[0]?.trim() ?? "")
    .join(" ");
}

/** A link where both lie on one disk: wheels are gigabytes. */
function takeFile(from: string, to: string): void {
  try {
    // Not a link to a link.
    linkSync(realpathSync(from), to);
  } catch {
    copyFileSync(from, to);
  }
}
