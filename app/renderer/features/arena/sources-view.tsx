/** Where the arena's words come from: added, looked at, removed. */
import { Button } from "@mantine/core";
import { IconPlus } from "@tabler/icons-react";
import { useState } from "react";
import { useStore } from "zustand";
import type { ShownSource } from "../../../common/arena.ts";
import { formatInteger } from "../../../common/format.ts";
import { client } from "../../client.ts";
import { notify, notifyError } from "../../shell/notifications.ts";
import classes from "./arena.module.css";
import { setSources } from "./arena-store.ts";
import { PlainWarning } from "./plain-warning.tsx";
import { showSourceDialog, sourceDialog } from "./source-dialog.ts";
import { SourceForm } from "./source-form.tsx";
import { SourceState } from "./source-state.tsx";

export type SourcesProps = {
  sources: readonly ShownSource[];
  nowMs: number;
  onShow: (name: string) => void;
};

export function SourcesView({ sources, nowMs, onShow }: SourcesProps) {
  const shown = useStore(sourceDialog, (state) => state.shown);
  const done = (name: string | null) => {
    showSourceDialog(null);
    if (name !== null) onShow(name);
  };
  return (
    <section className={classes.page} aria-label="Sources">
      {sources.length === 0 && <Introduction />}
      {sources.length > 0 && (
        <table className={classes.sources}>
          <thead>
            <tr>
              {["Source", "Place", "API key", "Kept", "State"].map((title) => (
                <th key={title} scope="col">
                  {title}
                </th>
              ))}
              <th scope="col">
                <span className="visually-hidden">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {sources.map((source) => (
              <Row key={source.name} source={source} nowMs={nowMs} onShow={onShow} />
            ))}
          </tbody>
        </table>
      )}
      {shown === null && <AddButtons isFirst={sources.length === 0} />}
      {shown?.kind === "add" && <SourceForm key={shown.place} source={null} kind={shown.place} onDone={done} />}
      {shown?.kind === "edit" && (
        <SourceForm key={shown.source.name} source={shown.source} kind="api" onDone={() => showSourceDialog(null)} />
      )}
      {shown?.kind === "remove" && <RemoveForm key={shown.source.name} source={shown.source} />}
    </section>
  );
}

function AddButtons({ isFirst }: { isFirst: boolean }) {
  const plus = <IconPlus size="1em" aria-hidden />;
  return (
    <div className={classes.actions}>
      <Button
        variant={isFirst ? "filled" : "default"}
        leftSection={plus}
        onClick={() => showSourceDialog({ kind: "add", place: "api" })}
      >
        Add an API
      </Button>
      <Button leftSection={plus} onClick={() => showSourceDialog({ kind: "add", place: "database" })}>
        Add a validator's database
      </Button>
    </div>
  );
}

function Introduction() {
  return (
    <>
      <h2 className={classes.title}>No source yet</h2>
      <p>
        A validator says who leads and why: by its public API, or in its own database where it runs on this machine.
        What was seen once is kept here, with the evaluated code, and is there without a network.
      </p>
    </>
  );
}

function Row({ source, nowMs, onShow }: { source: ShownSource; nowMs: number; onShow: (name: string) => void }) {
  const { name, kind, place, isPlain, hasApiKey, submissionCount, codeCount, notes } = source;
  const [isLooking, setLooking] = useState(false);
  const look = async () => {
    setLooking(true);
    try {
      setSources(await client.arena.refresh({ source: name }));
    } catch (thrown) {
      notifyError(thrown);
    } finally {
      setLooking(false);
    }
  };
  const hidden = <span className="visually-hidden"> {name}</span>;
  return (
    <tr data-source={name}>
      <th scope="row">{name}</th>
      <td className={classes.breakable}>
        <span className="mono">{place}</span>
        {isPlain && <PlainWarning />}
      </td>
      <td>{kind === "api" ? (hasApiKey ? "kept" : "none") : ""}</td>
      <td className="number">
        {formatInteger(submissionCount)} submissions, {formatInteger(codeCount)} with code
      </td>
      <td className={classes.breakable} aria-live="polite">
        <SourceState source={source} nowMs={nowMs} />
        {notes.map((note) => (
          <div key={note} className={classes.caution}>
            {note}
          </div>
        ))}
      </td>
      <td>
        <div className={classes.actions}>
          <Button onClick={() => onShow(name)}>Show{hidden}</Button>
          {kind !== "kept" && (
            <>
              <Button loading={isLooking} onClick={() => void look()}>
                Look now<span className="visually-hidden"> at {name}</span>
              </Button>
              <Button onClick={() => showSourceDialog({ kind: "edit", source })}>Edit{hidden}</Button>
            </>
          )}
          <Button onClick={() => showSourceDialog({ kind: "remove", source })}>Remove{hidden}</Button>
        </div>
      </td>
    </tr>
  );
}

function RemoveForm({ source: { name, kind, hasApiKey, submissionCount } }: { source: ShownSource }) {
  const remove = async (forget: boolean) => {
    try {
      setSources(await client.arena.removeSource({ name, forget }));
      showSourceDialog(null);
      notify({
        kind: "info",
        title: forget ? `The source ${name} and all that was seen of it is forgotten` : `The source ${name} is removed`,
        key: `arena-source:${name}`,
      });
    } catch (thrown) {
      notifyError(thrown);
    }
  };
  return (
    <section className={classes.form} aria-label={`Remove ${name}`}>
      <h3 className={classes.title}>Remove {name}</h3>
      <p>
        {kind !== "kept" && `It is looked at no longer${hasApiKey ? ", and its key is forgotten" : ""}. `}
        {formatInteger(submissionCount)} submissions with their code were seen of it. What its server no longer lists
        cannot be read again.
      </p>
      <div className={classes.actions}>
        {kind !== "kept" && (
          <Button variant="filled" onClick={() => void remove(false)}>
            Remove {name} and keep what was seen
          </Button>
        )}
        <Button onClick={() => void remove(true)}>Forget everything of {name}</Button>
        <Button onClick={() => showSourceDialog(null)}>Cancel</Button>
      </div>
    </section>
  );
}
