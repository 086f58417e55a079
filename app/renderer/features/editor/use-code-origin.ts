/** Whose code an open file is, as it stands on the disk: an unchanged copy of what was imported is another's. */
import { useEffect, useState } from "react";
import type { CodeOrigin } from "../../../common/runs.ts";
import { client } from "../../client.ts";
import { useActivity } from "../../shell/activity.ts";
import type { EditorBuffer } from "./buffers.ts";

/** Null for the user's own code; a text that was changed is that, unless it is a copy of the arena's. */
export function useCodeOrigin(buffer: EditorBuffer): CodeOrigin | null {
  const sha256 = buffer.kind === "file" ? buffer.baseVersion : null;
  const { folderId, name } = buffer.kind === "file" ? buffer.file : { folderId: "", name: "" };
  const isDirty = buffer.kind === "file" && buffer.dirty;
  const asked = `${sha256} ${folderId} ${name}`;
  const [known, setKnown] = useState<{ asked: string; origin: CodeOrigin | null } | null>(null);
  const revision = useActivity((state) => state.historyRevision);
  // biome-ignore lint/correctness/useExhaustiveDependencies: what is imported or deleted meanwhile changes the answer
  useEffect(() => {
    if (sha256 === null) return;
    const controller = new AbortController();
    client.runs.originOf({ sha256, file: { folderId, name } }, { signal: controller.signal }).then(
      ({ origin }) => setKnown({ asked, origin }),
      // Asked again with the next change; where it is run, the services decide.
      () => undefined,
    );
    return () => controller.abort();
  }, [asked, revision]);
  const origin = known?.asked === asked ? known.origin : null;
  return origin !== null && "runId" in origin && isDirty ? null : origin;
}
