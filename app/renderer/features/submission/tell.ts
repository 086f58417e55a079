/** Puts the news of submissions into the corner of the window. */
import type { Submission } from "../../../common/submission.ts";
import { notify } from "../../shell/notifications.ts";
import { openFeature } from "../open-feature.ts";
import { newsOf } from "./news.ts";
import { showView } from "./view.ts";

export function tellNews(before: readonly Submission[], after: readonly Submission[]): void {
  for (const { submissionId, ...news } of newsOf(before, after)) {
    notify({
      ...news,
      key: `submission:${submissionId}:${news.title}`,
      actions: [
        {
          label: "Show",
          run: () => {
            showView({ kind: "one", id: submissionId });
            openFeature("submission");
          },
        },
      ],
    });
  }
}
