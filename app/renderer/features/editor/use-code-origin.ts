/** Whose code an open file is, as it stands on the disk: an unchanged copy of what was imported is another's. */
import { useEffect, useState } from "react";
import type { CodeOrigin } from "../../../common/runs.ts";
import { client } from "../../client.ts";
import { useActivity } from "../../shell/activity.ts";
import type { EditorBuffer } from "./buffers.ts";

/** Null for the user's own code; a text that was changed is that. */
export function useCodeOrigin(buffer: EditorBuffer): CodeOrigin | null {
  const sha256 = buffer.kind === "file" && !buffer.dirty ? buffer.baseVersion : null;
  const [known, setKnown] = useState<{ sha256: string; origin: CodeOrigin | null } | null>(null);
  const revision = useActivity((state) => state.historyRevision);
  // biome-ignore lint/correctness/useExhaustiveDependencies: what is imported or deleted meanwhile changes the answer
  useEffect(() => {
    if (sha256 === null) return;
    const controller = new AbortController();
    client.runs.originOf({ sha256 }, { signal: controller.signal }).then(
      ({ origin }) => setKnown({ sha256, origin }),
      // Asked again with the next change; where it is run, the services decide.
      () => undefined,
    );
    return () => controller.abort();
  }, [sha256, revision]);
  return known?.sha256 === sha256 ? known.origin : null;
}
