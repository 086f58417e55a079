/** The folders that are open, their listings, and what can be done with the files in them. */
import { useStore } from "zustand";
import { createStore } from "zustand/vanilla";
import type { CrusaderError } from "../../../common/errors.ts";
import type { FileReference, Folder, Listing, Template } from "../../../common/workspace.ts";
import { client, followStream } from "../../client.ts";
import { asCrusaderError } from "../../connection.ts";
import { notify } from "../../shell/notifications.ts";
import { freeName } from "./names.ts";

export type OpenFolder = Folder & { listing: Listing | null; error: CrusaderError | null };

export type WorkspaceState = {
  /** Null until the services have told them. */
  folders: readonly OpenFolder[] | null;
  templates: readonly Template[];
  error: CrusaderError | null;
};

export const workspaceState = createStore<WorkspaceState>(() => ({ folders: null, templates: [], error: null }));

export function useWorkspace<Part>(pick: (state: WorkspaceState) => Part): Part {
  return useStore(workspaceState, pick);
}

type ListingListener = (folderId: string, listing: Listing) => void;
const listeners = new Set<ListingListener>();
/** Called with each new listing of an open folder. Returns the function that ends it. */
export function onListing(listener: ListingListener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

const stops = new Map<string, () => void>();

export async function loadWorkspace(): Promise<void> {
  try {
    const [folders, templates] = await Promise.all([client.workspace.folders(), client.workspace.templates()]);
    workspaceState.setState({ templates, error: null });
    show(folders);
  } catch (thrown) {
    workspaceState.setState({ error: asCrusaderError(thrown) });
  }
}

function show(folders: readonly Folder[]): void {
  const known = new Map((workspaceState.getState().folders ?? []).map((folder) => [folder.id, folder]));
  for (const [id, stop] of stops) {
    if (folders.some((folder) => folder.id === id)) continue;
    stop();
    stops.delete(id);
  }
  workspaceState.setState({
    folders: folders.map((folder) => ({
      ...folder,
      listing: known.get(folder.id)?.listing ?? null,
      error: known.get(folder.id)?.error ?? null,
    })),
  });
  for (const { id, available } of folders) if (available && !stops.has(id)) watch(id);
}

function watch(folderId: string): void {
  const change = (part: Partial<OpenFolder>) =>
    workspaceState.setState(({ folders }) => ({
      folders: folders?.map((folder) => (folder.id === folderId ? { ...folder, ...part } : folder)) ?? null,
    }));
  const stop = followStream((signal) => client.workspace.watch({ folderId }, { signal }), {
    onItem: (listing) => {
      change({ listing, error: null });
      for (const listener of listeners) listener(folderId, listing);
    },
    onError: (error) => {
      stops.delete(folderId);
      change({ error });
    },
  });
  stops.set(folderId, stop);
}

/** Reads a folder again that could not be read. */
export function retryFolder(folderId: string): void {
  if (!stops.has(folderId)) watch(folderId);
}

export async function openPickedFolder(pickedId: string): Promise<void> {
  const opened = await client.workspace.openFolder({ pickedId });
  include(opened);
}

export async function openDefaultFolder(): Promise<Folder> {
  const opened = await client.workspace.openDefaultFolder();
  include(opened);
  return opened;
}

/** Shows a folder that is open already. */
export function include(folder: Folder): void {
  const others = (workspaceState.getState().folders ?? []).filter(({ id }) => id !== folder.id);
  show([folder, ...others]);
}

export async function closeFolder(folderId: string): Promise<void> {
  show(await client.workspace.closeFolder({ folderId }));
}

export function namesIn(folderId: string): string[] {
  const folder = workspaceState.getState().folders?.find(({ id }) => id === folderId);
  return folder?.listing?.files.map(({ name }) => name) ?? [];
}

export function folderName(folderId: string): string {
  return workspaceState.getState().folders?.find(({ id }) => id === folderId)?.name ?? "";
}

/** A new file in Crusader's own folder unless another is named. */
export async function createFromTemplate(template: string, folderId?: string): Promise<FileReference> {
  const id = folderId ?? (await openDefaultFolder()).id;
  const taken = (await client.workspace.list({ folderId: id })).files.map(({ name }) => name);
  const name = freeName(`train_${template}.py`, taken);
  const created = await client.workspace.createFromTemplate({ folderId: id, name, template });
  return { folderId: created.folderId, name: created.name };
}

/** Takes a file away; the notification brings it back. */
export async function deleteFile(file: FileReference, restored: () => void): Promise<void> {
  const { undoId } = await client.workspace.delete(file);
  notify({
    kind: "info",
    title: `${file.name} was deleted`,
    key: `deleted:${undoId}`,
    timeoutMs: 20_000,
    actions: [
      {
        label: "Undo",
        run: async () => {
          await client.workspace.undoDelete({ undoId });
          restored();
        },
      },
    ],
  });
}

/** Files of all open folders, for the palette. */
export function allFiles(): { file: FileReference; folder: string }[] {
  return (workspaceState.getState().folders ?? []).flatMap(({ id, name, listing }) =>
    (listing?.files ?? []).map((file) => ({ file: { folderId: id, name: file.name }, folder: name })),
  );
}
