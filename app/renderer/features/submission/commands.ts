/** What can be done about submissions from anywhere; the code for it is loaded when it is first used. */
import { client } from "../../client.ts";
import type { Command } from "../../shell/commands.ts";
import { downloadFile } from "../../shell/help.ts";
import { openFeature } from "../open-feature.ts";

const shows = (kind: "new" | "list") => async () => {
  (await import("./view.ts")).showView({ kind });
  openFeature("submission");
};

export const submissionCommands: readonly Command[] = [
  { id: "submission.new", title: "Submit the active file", category: "Submit", run: shows("new") },
  { id: "submission.list", title: "Own submissions", category: "Submit", run: shows("list") },
  {
    id: "submission.export",
    title: "Save the proofs of payment of all submissions",
    category: "Submit",
    run: async () => downloadFile(await client.submission.export({ format: "markdown" })),
  },
];
