/** Puts the news of submissions into the corner of the window. */
import type { Submission } from "../../../common/submission.ts";
import { layout } from "../../shell/layout.ts";
import { notify } from "../../shell/notifications.ts";
import { openFeature } from "../open-feature.ts";
import { newsOf } from "./news.ts";
import { currentView, showView } from "./view.ts";

export function tellNews(before: readonly Submission[], after: readonly Submission[]): void {
  for (const { submissionId, topic, ...news } of newsOf(before, after)) {
    // Who looks at it sees it happen.
    if (topic === "progress" && isWatched(submissionId)) continue;
    notify({
      ...news,
      key: `submission:${submissionId}:${topic}`,
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

function isWatched(submissionId: string): boolean {
  const view = currentView();
  const isInFront = layout.getState().api?.getPanel("submission")?.api.isVisible === true;
  return isInFront && document.visibilityState === "visible" && view.kind === "one" && view.id === submissionId;
}
