/** Choosing a folder of the machine that Crusader runs on. Only its id goes back. */
import { Button, Modal } from "@mantine/core";
import { IconArrowUp, IconFileImport, IconFileTypography, IconFolder } from "@tabler/icons-react";
import { useCallback, useEffect, useRef, useState } from "react";
import { useStore } from "zustand";
import { nameProblem, type PickerView as View } from "../../../common/workspace.ts";
import { client } from "../../client.ts";
import { notifyError } from "../../shell/notifications.ts";
import { showQuickInput } from "../../shell/quick-input.ts";
import { ErrorState, Loading } from "../../shell/ui/states.tsx";
import { type PickPurpose, picker } from "./picker.ts";
import classes from "./picker-view.module.css";

export function PickerView() {
  const { open, purpose } = useStore(picker);
  const close = () => picker.setState({ open: false });
  return (
    <Modal returnFocus={false} opened={open} onClose={close} title={purpose.title} size="36rem">
      {open && <Picker purpose={purpose} close={close} />}
    </Modal>
  );
}

function Picker({ purpose, close }: { purpose: PickPurpose; close: () => void }) {
  const [view, setView] = useState<View | null>(null);
  const [error, setError] = useState<unknown>(null);
  const list = useRef<HTMLUListElement>(null);
  const go = useCallback((id?: string) => {
    client.picker
      .list(id === undefined ? {} : { id })
      .then((shown) => {
        setView(shown);
        setError(null);
      })
      .catch(setError);
  }, []);
  useEffect(() => go(), [go]);
  const use = (id: string) => {
    purpose
      .use(id)
      .then(close)
      .catch((thrown: unknown) => notifyError(thrown));
  };
  // A database may also be named by the folder that holds it.
  const takesFolder = purpose.what !== "exportedRun";
  useEffect(() => {
    if (view !== null) list.current?.querySelector("button")?.focus();
  }, [view]);

  if (view === null)
    return error === null ? <Loading what="Reading the folder" /> : <ErrorState error={error} retry={() => go()} />;
  const files = { exportedRun: view.jsonFiles, database: view.databaseFiles, folder: [] }[purpose.what ?? "folder"];
  const fileWord = { exportedRun: "JSON", database: "database", folder: "Python" }[purpose.what ?? "folder"];
  const shownFiles = purpose.what === undefined ? view.pythonFiles : [];
  const newFolder = () =>
    showQuickInput({
      kind: "text",
      label: `New folder in ${view.name}`,
      value: "",
      problem: nameProblem,
      accept: async (name) => setView(await client.picker.createFolder({ parentId: view.id, name })),
    });
  return (
    <div className={classes.picker}>
      <nav className={classes.places} aria-label="Places">
        {view.places.map(({ id, name }) => (
          <Button key={id} variant="subtle" onClick={() => go(id)}>
            {name}
          </Button>
        ))}
      </nav>
      <div className={classes.location}>
        <Button
          leftSection={<IconArrowUp size="0.875rem" aria-hidden />}
          disabled={view.parentId === null}
          onClick={() => go(view.parentId ?? undefined)}
        >
          Up
        </Button>
        <output className="mono">{view.location}</output>
      </div>
      {error !== null && <ErrorState error={error} />}
      <ul className={classes.list} ref={list} aria-label={`Folders in ${view.name}`}>
        {view.folders.map(({ id, name }) => (
          <li key={id}>
            <button type="button" className={classes.entry} onClick={() => go(id)}>
              <IconFolder size="1rem" aria-hidden /> {name}
            </button>
          </li>
        ))}
        {files.map(({ id, name }) => (
          <li key={id}>
            <button type="button" className={classes.entry} onClick={() => use(id)}>
              <IconFileImport size="1rem" aria-hidden /> {name}
            </button>
          </li>
        ))}
        {shownFiles.map((name) => (
          <li key={name} className={classes.entry} data-file>
            <IconFileTypography size="1rem" aria-hidden /> {name}
          </li>
        ))}
        {view.folders.length + files.length + shownFiles.length === 0 && (
          <li className={classes.entry} data-file>
            No folders and no {fileWord} files here.
          </li>
        )}
        {view.truncated && (
          <li className={classes.entry} data-file>
            There are more; only the first are listed.
          </li>
        )}
      </ul>
      <div className={classes.buttons}>
        {purpose.what === undefined && <Button onClick={newFolder}>New folder</Button>}
        <span className={classes.gap} />
        <Button onClick={close}>Cancel</Button>
        {takesFolder && (
          <Button variant="filled" onClick={() => use(view.id)}>
            {purpose.verb} {view.name}
          </Button>
        )}
      </div>
    </div>
  );
}
