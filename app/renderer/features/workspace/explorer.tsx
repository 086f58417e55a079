import { ActionIcon, Button, Menu } from "@mantine/core";
import { IconCopyPlus, IconDots, IconFile, IconFolderOpen, IconFolderPlus, IconPlus } from "@tabler/icons-react";
import { useState } from "react";
import type { FileReference, WorkspaceFile } from "../../../common/workspace.ts";
import { runCommand } from "../../shell/commands.ts";
import { notifyError } from "../../shell/notifications.ts";
import { EmptyState, ErrorState, Loading } from "../../shell/ui/states.tsx";
import { openDiff, openFile, openTemplate, useBuffers } from "../editor/index.ts";
import { pickTemplate, removeFile, renameFile, startFromTemplate } from "./actions.ts";
import classes from "./explorer.module.css";
import { closeFolder, loadWorkspace, type OpenFolder, retryFolder, useWorkspace } from "./folders.ts";

const attempt = (action: Promise<void>) => {
  action.catch((thrown: unknown) => notifyError(thrown));
};
const openFolder = () => runCommand("workspace.openFolder");
const keyOf = ({ folderId, name }: FileReference) => `${folderId}/${name}`;

export default function Explorer() {
  const folders = useWorkspace((state) => state.folders);
  const templates = useWorkspace((state) => state.templates);
  const error = useWorkspace((state) => state.error);
  /** Two of them can be compared; the order is the one of choosing. */
  const [chosen, setChosen] = useState<readonly FileReference[]>([]);

  if (folders === null) {
    return error === null ? <Loading what="Reading the folders" /> : <ErrorState error={error} retry={loadWorkspace} />;
  }
  const choose = (file: FileReference) =>
    setChosen((before) =>
      before.some((other) => keyOf(other) === keyOf(file))
        ? before.filter((other) => keyOf(other) !== keyOf(file))
        : [...before, file].slice(-2),
    );
  const compare = () => {
    const [left, right] = chosen;
    if (left === undefined || right === undefined) return;
    attempt(openDiff({ kind: "file", file: left }, { kind: "file", file: right }));
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: hears the keys of the buttons inside
    <div
      className={classes.explorer}
      onKeyDown={(event) => {
        const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
        if (plain && event.key.toLowerCase() === "c" && chosen.length === 2) {
          event.preventDefault();
          compare();
        } else moveFocus(event);
      }}
    >
      <section aria-label="Submissions">
        <h2 className={classes.heading}>
          Submissions
          <span className={classes.tools}>
            <ActionIcon
              aria-label="New file from a template"
              title="New file from a template"
              onClick={() => pickTemplate()}
            >
              <IconPlus size="1rem" />
            </ActionIcon>
            <ActionIcon aria-label="Open a folder" title="Open a folder" onClick={openFolder}>
              <IconFolderPlus size="1rem" />
            </ActionIcon>
          </span>
        </h2>
        {folders.length === 0 && (
          <EmptyState title="No folder is open" actions={<Button onClick={openFolder}>Open a folder</Button>}>
            Submissions are plain .py files in folders of yours. A file made from a template goes to Crusader's own
            folder.
          </EmptyState>
        )}
        {folders.map((folder) => (
          <FolderView key={folder.id} folder={folder} chosen={chosen} choose={choose} />
        ))}
        {chosen.length > 0 && (
          <div className={classes.compare} role="status">
            {chosen.length === 1 ? (
              <span>1 file chosen; Ctrl+click another to compare.</span>
            ) : (
              <Button onClick={compare}>Compare 2 files (C)</Button>
            )}
          </div>
        )}
      </section>
      <section aria-label="Templates">
        <h2 className={classes.heading}>Templates</h2>
        <ul className={classes.list}>
          {templates.map(({ name, title }) => (
            <li key={name} className={classes.row}>
              <button
                type="button"
                className={classes.entry}
                title={title}
                data-entry
                onClick={() => attempt(openTemplate(name))}
              >
                <IconFile size="0.875rem" aria-hidden /> {name}
              </button>
              <ActionIcon
                className={classes.more}
                aria-label={`New file from ${name}`}
                title={`New file from ${name}`}
                onClick={() => attempt(startFromTemplate(name))}
              >
                <IconCopyPlus size="0.875rem" />
              </ActionIcon>
            </li>
          ))}
        </ul>
      </section>
    </div>
  );
}

/** Arrow keys go from entry to entry. */
function moveFocus(event: React.KeyboardEvent<HTMLElement>): void {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step === undefined || !(event.target instanceof HTMLElement) || !("entry" in event.target.dataset)) return;
  event.preventDefault();
  const entries = [...event.currentTarget.querySelectorAll<HTMLElement>("[data-entry]")];
  entries[entries.indexOf(event.target) + step]?.focus();
}

/** The entry goes: the next one has the focus, or else the one before. */
function focusBeside(entry: HTMLElement): void {
  const entries = [...document.querySelectorAll<HTMLElement>("[data-entry]")];
  const index = entries.indexOf(entry);
  (entries[index + 1] ?? entries[index - 1])?.focus();
}

type FolderViewProps = {
  folder: OpenFolder;
  chosen: readonly FileReference[];
  choose: (file: FileReference) => void;
};

function FolderView({ folder, chosen, choose }: FolderViewProps) {
  const { id, name, location, available, listing, error } = folder;
  return (
    <section aria-label={name}>
      <h3 className={classes.folder} title={location}>
        <IconFolderOpen size="1rem" aria-hidden />
        <span className={classes.name}>{name}</span>
        <Menu>
          <Menu.Target>
            <ActionIcon className={classes.more} aria-label={`Actions for ${name}`}>
              <IconDots size="0.875rem" />
            </ActionIcon>
          </Menu.Target>
          <Menu.Dropdown>
            <Menu.Item onClick={() => pickTemplate(id)}>New file from a template</Menu.Item>
            <Menu.Item onClick={() => attempt(closeFolder(id))}>Close the folder; its files stay</Menu.Item>
          </Menu.Dropdown>
        </Menu>
      </h3>
      {!available && <p className={classes.note}>{location} is gone or may not be read.</p>}
      {available && error !== null && <ErrorState error={error} retry={() => retryFolder(id)} />}
      {available && error === null && listing === null && <Loading what="Reading the folder" />}
      {listing !== null && listing.files.length === 0 && <p className={classes.note}>No Python files yet.</p>}
      <ul className={classes.list}>
        {listing?.files.map((file) => (
          <FileRow key={file.name} folderId={id} file={file} chosen={chosen} choose={choose} />
        ))}
      </ul>
      {listing?.truncated && <p className={classes.note}>There are more files; only the first are listed.</p>}
    </section>
  );
}

type FileRowProps = {
  folderId: string;
  file: WorkspaceFile;
  chosen: readonly FileReference[];
  choose: (file: FileReference) => void;
};

function FileRow({ folderId, file: { name }, chosen, choose }: FileRowProps) {
  const file = { folderId, name };
  const dirty = useBuffers(({ buffers }) =>
    buffers.some((buffer) => buffer.kind === "file" && buffer.dirty && keyOf(buffer.file) === keyOf(file)),
  );
  const active = useBuffers(({ buffers, activeId }) => {
    const found = buffers.find(({ id }) => id === activeId);
    return found?.kind === "file" && keyOf(found.file) === keyOf(file);
  });
  const isChosen = chosen.some((other) => keyOf(other) === keyOf(file));
  return (
    <li className={classes.row} data-active={active || undefined} data-chosen={isChosen || undefined}>
      <button
        type="button"
        className={classes.entry}
        data-entry
        title={name}
        aria-current={active || undefined}
        aria-pressed={isChosen}
        onClick={(event) => {
          if (event.ctrlKey || event.metaKey) choose(file);
          else attempt(openFile(file));
        }}
        onKeyDown={(event) => {
          if (event.key === "F2") renameFile(file);
          else if (event.key === "Delete") {
            focusBeside(event.currentTarget);
            attempt(removeFile(file));
          } else if (event.key === " ") choose(file);
          else return;
          event.preventDefault();
        }}
      >
        <IconFile size="0.875rem" aria-hidden />
        <span className={classes.name}>{name}</span>
        {dirty && <span title="not saved">*</span>}
      </button>
      <Menu>
        <Menu.Target>
          <ActionIcon className={classes.more} aria-label={`Actions for ${name}`}>
            <IconDots size="0.875rem" />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item onClick={() => attempt(openFile(file))} rightSection="Enter">
            Open
          </Menu.Item>
          <Menu.Item onClick={() => choose(file)} rightSection="Space">
            {isChosen ? "Take out of the comparison" : "Choose for comparing"}
          </Menu.Item>
          <Menu.Item onClick={() => renameFile(file)} rightSection="F2">
            Rename
          </Menu.Item>
          <Menu.Item onClick={() => attempt(removeFile(file))} rightSection="Del">
            Delete
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
    </li>
  );
}
