/** What people noted about runs: tags, notes, the baseline. In `annotations.json`, beside the records it is about. */
import { join } from "node:path";
import { z } from "zod";
import type { Annotation } from "../../../common/history.ts";
import { annotationSchema } from "../../../common/history.ts";
import { JsonFile } from "../storage/index.ts";

const ANNOTATIONS_VERSION = 1;
const contentSchema = z.object({
  baselineRunId: z.string().nullable(),
  /** By run; those without a tag or a note are absent. Kept when a run is deleted, as a deletion may be undone. */
  runs: z.record(z.string(), annotationSchema),
});

export class Annotations {
  readonly #file: JsonFile<z.infer<typeof contentSchema>>;

  constructor(dataFolder: string) {
    this.#file = new JsonFile({
      path: join(dataFolder, "annotations.json"),
      schema: contentSchema,
      version: ANNOTATIONS_VERSION,
      initial: () => ({ baselineRunId: null, runs: {} }),
    });
  }

  /** The last file that could not be used since this object was made: where it lies now, and why. */
  get setAside(): { file: string; reason: string } | null {
    return this.#file.setAside;
  }

  all(): { baselineRunId: string | null; of: (runId: string) => Annotation } {
    const { baselineRunId, runs } = this.#file.read();
    return {
      baselineRunId,
      of: (runId) => (Object.hasOwn(runs, runId) ? runs[runId] : undefined) ?? { tags: [], note: "" },
    };
  }

  /** What is absent stays. Throws `disk_full` or `data_folder`. */
  change(runId: string, change: { tags?: string[] | undefined; note?: string | undefined }): Annotation {
    const annotation = this.all().of(runId);
    const tags = change.tags === undefined ? annotation.tags : [...new Set(change.tags)];
    const changed = { tags, note: change.note ?? annotation.note };
    const content = this.#file.read();
    const { [runId]: _before, ...others } = content.runs;
    const isEmpty = changed.tags.length === 0 && changed.note === "";
    this.#file.write({ ...content, runs: isEmpty ? others : { ...others, [runId]: changed } });
    return changed;
  }

  /** Null: none. */
  pinBaseline(runId: string | null): void {
    this.#file.write({ ...this.#file.read(), baselineRunId: runId });
  }
}
