/** Runs pip and turns what it prints into progress. Works with any pip that Python 3.11 or later brings. */
import { readdirSync } from "node:fs";
import type { PythonProgress } from "./python-service.ts";

/** What the lines of one `pip install` say, as progress. `packages` is how many it is to install. */
export class PipOutput {
  readonly #packages: number;
  readonly #report: (progress: PythonProgress) => void;
  readonly #seen = new Set<string>();
  #file = "";
  #fileBytes: number | undefined;

  constructor(packages: number, report: (progress: PythonProgress) => void) {
    this.#packages = packages;
    this.#report = report;
  }

  take(line: string): void {
    const collecting = /^(?:Collecting|Processing|Requirement already satisfied:) (\S+)/.exec(line);
    if (collecting?.[1] !== undefined) {
      const name = packageName(collecting[1]);
      this.#seen.add(name);
      // A dependency that is not pinned would make more of them than there are pins.
      const done = Math.min(this.#seen.size, this.#packages);
      this.#report({ phase: "download", done, total: this.#packages, unit: "packages", detail: name });
      return;
    }
    const download = /^\s*Downloading (\S+)(?: \(([\d.]+) ([kMG]?B)\))?/.exec(line);
    if (download?.[1] !== undefined && !download[1].endsWith(".metadata")) {
      this.#file = packageName(download[1]);
      this.#fileBytes = download[2] === undefined ? undefined : Number(download[2]) * (BYTES[download[3] ?? "B"] ?? 1);
      this.#reportFile(0);
      return;
    }
    // `--progress-bar=raw`, pip >= 24.1.
    const raw = /^Progress (\d+) of (\d+)$/.exec(line);
    if (raw !== null) {
      this.#fileBytes = Number(raw[2]);
      this.#reportFile(Number(raw[1]));
    }
  }

  /** Small files come and go too fast to be read; a large one says how far it is. */
  #reportFile(done: number): void {
    if (this.#fileBytes === undefined || this.#fileBytes < LARGE_BYTES) return;
    this.#report({ phase: "download", done, total: this.#fileBytes, unit: "bytes", detail: this.#file });
  }
}

const BYTES: Readonly<Record<string, number>> = { B: 1, kB: 1e3, MB: 1e6, GB: 1e9 };
const LARGE_BYTES = 5e6;

/** `torch` of `torch==2.13.0`, of `.../torch-2.13.0%2Bcpu-cp311-...whl` and of `torch-2.13.0.tar.gz`. */
export function packageName(requirement: string): string {
  const file = requirement.split(/[\\/]/).at(-1) ?? requirement;
  return (/^[A-Za-z0-9._-]*?(?=-\d|[=<>~!;[(]|$)/.exec(file)?.[0] ?? file).toLowerCase().replaceAll(/[-_.]+/g, "-");
}

/** pip's options for progress and broken downloads, as far as this version ("23.2.1") knows them. */
export function optionsOf(pipVersion: string): string[] {
  const [major = 0, minor = 0] = pipVersion.split(".").map(Number);
  const since = (wantedMajor: number, wantedMinor: number) =>
    major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
  return [
    ...(since(24, 1) ? ["--progress-bar=raw"] : []),
    // Goes on where a download broke off, within one call of pip.
    ...(since(25, 1) ? ["--resume-retries=10"] : []),
  ];
}

/** Packages in a site-packages folder: pip adds one such folder as it finishes each. */
export function countInstalled(sitePackages: string): number {
  try {
    return readdirSync(sitePackages).filter((name) => name.endsWith(".dist-info")).length;
  } catch {
    return 0;
  }
}
