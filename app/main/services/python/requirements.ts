import { readFile } from "node:fs/promises";

/** A file of exact pins, one a line: `name==version ; marker`. */
export interface Requirements {
  readonly file: string;
  readonly text: string;
  /** Pinned version by package name; of several pins under different markers, the first. */
  readonly versions: ReadonlyMap<string, string>;
  /** Pins of builds without CUDA, e.g. "torch==2.13.0+cpu". */
  readonly cpuBuilds: readonly string[];
}

export async function readRequirements(file: string): Promise<Requirements> {
  const text = await readFile(file, "utf8");
  const pins = [...text.matchAll(/^([A-Za-z0-9._-]+)==(\S+)/gm)];
  const versions = new Map<string, string>();
  for (const [, name = "", version = ""] of pins) if (!versions.has(name)) versions.set(name, version);
  return { file, text, versions, cpuBuilds: pins.map(([pin]) => pin).filter((pin) => pin.endsWith("+cpu")) };
}
