/** Turns a run of `pip install` into progress. Works with any pip that Python 3.11 or later brings. */
import { existsSync, readdirSync, statSync } from "node:fs";
import path from "node:path";
import type { PythonProgress } from "./progress.ts";

/** Small files come and go too fast to be read; a large one says how far it is. */
const LARGE_BYTES = 5e6;
const BYTES: Readonly<Record<string, number>> = { B: 1, kB: 1e3, MB: 1e6, GB: 1e9 };

export interface PipRun {
  /** How many packages it is to install. */
  readonly packages: number;
  /** pip's folder for temporary files. */
  readonly temporary: string;
  readonly sitePackages: string;
  readonly report: (progress: PythonProgress) => void;
}

/**
 * Reads pip's lines (`take`) and, as those say nothing while a file is fetched or packages are unpacked, looks at what
 * it has written so far (`poll`). pip 24.1 and later could print bytes themselves, Python 3.11's own pip cannot.
 */
export class PipProgress {
  readonly #run: PipRun;
  readonly #seen = new Set<string>();
  readonly #installedBefore: number;
  #file: { name: string; bytes: number } | null = null;
  #installing: number | null = null;

  constructor(run: PipRun) {
    this.#run = run;
    this.#installedBefore = countInstalled(run.sitePackages);
  }

  take(line: string): void {
    const collecting = /^(?:Collecting|Processing|Requirement already satisfied:) (\S+)/.exec(line);
    const download = /^\s*Downloading (\S+) \(([\d.]+) ([kMG]?B)\)/.exec(line);
    if (collecting?.[1] !== undefined) {
      this.#file = null;
      const detail = packageName(collecting[1]);
      this.#seen.add(detail);
      // A dependency that is not pinned would make more of them than there are pins.
      const done = Math.min(this.#seen.size, this.#run.packages);
      this.#run.report({ phase: "download", done, total: this.#run.packages, unit: "packages", detail });
    } else if (download?.[1] !== undefined) {
      this.#file = { name: fileName(download[1]), bytes: Number(download[2]) * (BYTES[download[3] ?? "B"] ?? 1) };
      this.poll();
    } else if (line.startsWith("Installing collected packages:")) {
      this.#file = null;
      this.#installing = line.split(",").length;
      this.poll();
    }
  }

  poll(): void {
    if (this.#installing !== null) {
      const total = this.#installing;
      const done = Math.min(countInstalled(this.#run.sitePackages) - this.#installedBefore, total);
      this.#run.report({ phase: "install", done, total, unit: "packages", detail: "" });
    } else if (this.#file !== null && this.#file.bytes >= LARGE_BYTES) {
      const { name, bytes: total } = this.#file;
      const done = Math.min(downloadedBytes(this.#run.temporary, name), total);
      this.#run.report({ phase: "download", done, total, unit: "bytes", detail: packageName(name) });
    }
  }
}

/** `torch` of `torch==2.13.0`, of `.../torch-2.13.0%2Bcpu-cp311-...whl` and of `torch-2.13.0.tar.gz`. */
export function packageName(requirement: string): string {
  const file = fileName(requirement);
  return (/^[A-Za-z0-9._-]*?(?=-\d|[=<>~!;[(]|$)/.exec(file)?.[0] ?? file).toLowerCase().replaceAll(/[-_.]+/g, "-");
}

function fileName(url: string): string {
  return decodeURIComponent(url.split(/[\\/]/).at(-1) ?? url);
}

/** pip fetches each file into a folder `pip-unpack-*` of its own. */
function downloadedBytes(temporary: string, file: string): number {
  const folders = namesIn(temporary).filter((name) => name.startsWith("pip-unpack-"));
  const sizes = folders.map((name) => statSync(path.join(temporary, name, file), { throwIfNoEntry: false })?.size ?? 0);
  return Math.max(0, ...sizes);
}

/** The file INSTALLER is what pip writes last of a package, after compiling it. */
function countInstalled(sitePackages: string): number {
  const infos = namesIn(sitePackages).filter((name) => name.endsWith(".dist-info"));
  return infos.filter((name) => existsSync(path.join(sitePackages, name, "INSTALLER"))).length;
}

/** Empty for a folder that is gone: progress must never end a run. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
