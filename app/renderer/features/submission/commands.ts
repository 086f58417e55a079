/** What can be done about submissions from anywhere; the code for it is loaded when it is first used. */
import { shownText } from "../../../common/shown-text.ts";
import { client } from "../../client.ts";
import type { Command } from "../../shell/commands.ts";
import { downloadFile } from "../../shell/help.ts";
import { showQuickInput } from "../../shell/quick-input.ts";
import { openFeature } from "../open-feature.ts";
import { knownSubmissions } from "./submissions.ts";
import type { View } from "./view.ts";

async function show(view: View): Promise<void> {
  (await import("./view.ts")).showView(view);
  openFeature("submission");
}

const hasSome = () => knownSubmissions().length > 0;

export const submissionCommands: readonly Command[] = [
  { id: "submission.new", title: "Submit the active file", category: "Submit", run: () => show({ kind: "new" }) },
  { id: "submission.list", title: "Own submissions", category: "Submit", run: () => show({ kind: "list" }) },
  {
    id: "submission.find",
    title: "Go to submission",
    category: "Submit",
    when: hasSome,
    run: () =>
      showQuickInput({
        kind: "pick",
        label: "Go to submission",
        placeholder: "File, network or state",
        items: () =>
          knownSubmissions().map(({ id, fileName, network, createdAt, state }) => ({
            id,
            title: shownText(fileName),
            detail: `${network}, ${createdAt.slice(0, 10)}`,
            hint: state,
            run: () => show({ kind: "one", id }),
          })),
      }),
  },
  {
    id: "submission.export",
    title: "Save the proofs of payment of all submissions",
    category: "Submit",
    when: hasSome,
    run: async () => downloadFile(await client.submission.export({ format: "markdown" })),
  },
];
