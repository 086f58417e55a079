/** What the buttons and commands of the validator's source do. Failures are thrown; what must be said is notified. */
import { CrusaderError } from "../../../common/errors.ts";
import type { ProductionStatus, RulesPart, SourceChoice } from "../../../common/production.ts";
import { client } from "../../client.ts";
import { downloadFile } from "../../shell/help.ts";
import { notify, notifyError } from "../../shell/notifications.ts";
import { activeText } from "../editor/index.ts";
import { allFiles } from "../workspace/folders.ts";
import { pickFolder } from "../workspace/picker.ts";
import { loadCorpus } from "./corpus.ts";
import { type OpinionBatch, secondOpinion } from "./opinion-store.ts";
import { production } from "./production-store.ts";
import { reportFiles } from "./report.ts";
import { type AskedFile, askAll } from "./second-opinion.ts";

const show = (status: ProductionStatus) => production.setState({ status, error: null });

/** Begins to fetch; the task tells the rest. */
export async function fetchSource(choice?: SourceChoice): Promise<void> {
  if (choice !== undefined) show(await client.production.chooseSource({ source: choice }));
  await client.production.fetch();
}

export function pickSourceFolder(): Promise<void> {
  return pickFolder({
    title: "Read the validator's source from a folder",
    verb: "Read",
    use: (pickedId) => fetchSource({ kind: "folder", pickedId }),
  });
}

export async function applyRules(revisionId: string, parts: RulesPart[]): Promise<void> {
  const status = await client.production.apply({ revisionId, parts });
  show(status);
  notify({
    kind: "success",
    title: `The rules of ${status.inForce.appliedFrom?.label ?? "the source"} are in force`,
    message: "Scans use them from now on, and runs that start from now on.",
  });
}

export async function revertRules(): Promise<void> {
  show(await client.production.revert());
  notify({ kind: "success", title: "The built-in rules are in force" });
}

export async function removeSource(): Promise<void> {
  show(await client.production.remove());
}

export async function pinRevision(revisionId: string): Promise<void> {
  show(await client.production.pin({ revisionId }));
}

/** About what the editor holds, saved or not. `entry`: the scan function to ask; else the likeliest. */
export async function askAboutOpenFile(entry?: string): Promise<void> {
  const open = activeText();
  if (open === null) {
    throw new CrusaderError("usage", "No file is open to ask about.", "Open one in the editor, and ask again.");
  }
  await ask([{ name: open.title, text: open.text }], entry);
}

export async function askAboutWorkspace(entry?: string): Promise<void> {
  const files: AskedFile[] = [];
  for (const { file, folder } of allFiles()) {
    const { text } = await client.workspace.read(file);
    files.push({ name: `${folder}/${file.name}`, text });
  }
  if (files.length === 0) {
    throw new CrusaderError("usage", "No Python file is in the open folders.", "Open a folder in the explorer.");
  }
  await ask(files, entry);
}

export async function askAboutCorpus(entry?: string): Promise<void> {
  await ask(await loadCorpus(), entry);
}

async function ask(files: readonly AskedFile[], entry: string | undefined): Promise<void> {
  secondOpinion.getState().running?.cancel();
  secondOpinion.setState({ batch: null });
  const { pinned, newest } = await client.production.read();
  const revision = newest ?? pinned;
  if (revision === null) {
    const hint = "Fetch the validator's source first: its scanner is taken from there.";
    throw new CrusaderError("not_found", "There is no scanner to ask.", hint);
  }
  const { scanners } = await client.production.reading({ side: newest === null ? "pinned" : "newest" });
  const scanner = scanners.find(({ entry: { name } }) => name === entry) ?? scanners[0];
  if (scanner === undefined) {
    const hint = "Its files have another shape than expected. The rules that were found can be used all the same.";
    throw new CrusaderError("not_found", "No scan function was found in the validator's source.", hint);
  }
  await askAll(revision, scanner, files);
}

export async function exportReport(batch: OpinionBatch): Promise<void> {
  const { markdown, json } = reportFiles(batch, { versions: await client.app.versions(), at: new Date() });
  downloadFile(markdown);
  downloadFile(json);
}

/** For a button: failures are told. */
export const doing = (action: () => Promise<void>) => () => {
  action().catch((thrown: unknown) => notifyError(thrown));
};
