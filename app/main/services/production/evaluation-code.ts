/** The validator's own code that can judge a run, out of the pinned revision (spec/evaluation.md section 6). */
import { createHash } from "node:crypto";
import { CrusaderError } from "../../../common/errors.ts";
import type { ProductionCode } from "../../../common/runs.ts";
import type { SourceFiles } from "./snapshot.ts";
import { SourceStore } from "./store.ts";

/** Where a file lies in the validator's image, and how it is found in the repository: there, or else by what it is. */
const WANTED: readonly { path: string; usual: string; isIt: (path: string, text: string) => boolean }[] = [
  {
    path: "env.py",
    usual: "environments/templar/env.py",
    isIt: (path, text) => path.endsWith("/env.py") && /^class Actor\b/m.test(text),
  },
  {
    path: "crusades/core/security_defs.py",
    usual: "src/crusades/core/security_defs.py",
    isIt: (path) => path.endsWith("/security_defs.py"),
  },
];

/** Throws `not_found` where nothing is pinned, or the revision holds no such code. */
export function productionCode(dataFolder: string): ProductionCode {
  const store = new SourceStore(dataFolder);
  const { pinned } = store.read();
  if (pinned === null) {
    throw new CrusaderError(
      "not_found",
      "To judge by production's own code, its source is needed; none was fetched yet.",
      "Fetch it: crusader production fetch.",
    );
  }
  const files = store.files(pinned);
  return {
    revision: { id: pinned.id, label: pinned.label },
    files: WANTED.map(({ path, ...wanted }) => {
      const content = find(files, wanted);
      if (content === null) {
        throw new CrusaderError(
          "not_found",
          `Revision ${pinned.label} of the production source holds no ${path} that can judge.`,
          "Fetch another revision (crusader production fetch), or judge by Crusader's own evaluation.",
        );
      }
      return {
        path,
        sha256: createHash("sha256").update(content).digest("hex"),
        content: Buffer.from(content).toString("base64"),
      };
    }),
  };
}

/** Null where there is none, or several that cannot be told apart. */
function find(files: SourceFiles, { usual, isIt }: Omit<(typeof WANTED)[number], "path">): Uint8Array | null {
  const there = files.get(usual);
  if (there !== undefined) return there;
  const candidates = [...files].filter(([path, content]) => isIt(`/${path}`, Buffer.from(content).toString("utf8")));
  return candidates.length === 1 ? (candidates[0]?.[1] ?? null) : null;
}
