/** What can be done with a submission's code: a copy to work on, a run of it, a report of its review. */
import type { SubmissionReference } from "../../../../common/arena.ts";
import { client } from "../../../client.ts";
import { downloadFile } from "../../../shell/help.ts";
import { selection } from "../../../shell/selection.ts";
import { openFile } from "../../editor/index.ts";
import { openFeature } from "../../open-feature.ts";
import { openDefaultFolder } from "../../workspace/folders.ts";
import { freeName } from "../../workspace/names.ts";

const LONGEST_ID = 60;

/** In Crusader's folder; it counts as another's however it is changed. */
export async function openAsCopy(submission: SubmissionReference): Promise<void> {
  const { id: folderId } = await openDefaultFolder();
  const taken = (await client.workspace.list({ folderId })).files.map(({ name }) => name);
  const wanted = `train_${submission.submissionId.replaceAll(/[^\w-]/g, "_").slice(0, LONGEST_ID)}.py`;
  const file = { folderId, name: freeName(wanted, taken) };
  await client.arena.openAsCopy({ submission, file });
  await openFile(file);
}

/** The simulation panel asks how; as another's code, it runs in a container only. */
export function simulate({ source, submissionId }: SubmissionReference): void {
  selection.setState({
    target: { target: { kind: "submission", source, submissionId }, title: submissionId, origin: source },
  });
  openFeature("simulation");
}

export async function saveReview(submission: SubmissionReference, format: "markdown" | "json"): Promise<void> {
  downloadFile(await client.arena.exportReview({ submission, format }));
}
