/** What can be done with files and folders, as asked for by buttons, keys and the palette alike. */
import type { FileReference } from "../../../common/workspace.ts";
import { client } from "../../client.ts";
import { showQuickInput } from "../../shell/quick-input.ts";
import { buffers, closeTab, openFile } from "../editor/index.ts";
import { createFromTemplate, deleteFile, namesIn, workspaceState } from "./folders.ts";
import { newNameProblem } from "./names.ts";

/** Creates a file from a template and opens it. */
export async function startFromTemplate(template: string, folderId?: string): Promise<void> {
  await openFile(await createFromTemplate(template, folderId));
}

export function pickTemplate(folderId?: string): void {
  showQuickInput({
    kind: "pick",
    label: "New file from a template",
    placeholder: "Template",
    items: () =>
      workspaceState.getState().templates.map(({ name, title }) => ({
        id: name,
        title: name,
        detail: title,
        run: () => startFromTemplate(name, folderId),
      })),
  });
}

export function renameFile(file: FileReference): void {
  const slash = file.name.lastIndexOf("/");
  const folder = file.name.slice(0, slash + 1);
  const last = file.name.slice(slash + 1);
  showQuickInput({
    kind: "text",
    label: `Rename ${last}`,
    value: last,
    selected: last.replace(/\.py$/, "").length,
    problem: (name) => newNameProblem(folder + name, namesIn(file.folderId), file.name),
    accept: async (name) => {
      if (name === last) return;
      const newName = folder + name;
      await client.workspace.rename({ ...file, newName });
      buffers.renamed(file, { folderId: file.folderId, name: newName });
    },
  });
}

export async function removeFile(file: FileReference): Promise<void> {
  const open = buffers.bufferOf(file);
  await deleteFile(file, () => openFile(file));
  // What was unsaved stays in its tab, which says that the file is gone.
  if (open !== undefined && !open.dirty) closeTab(open.id);
}
