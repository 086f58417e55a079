/** Versions, shortcuts, and a file to attach to a bug report. */
import { Button, Modal } from "@mantine/core";
import { useEffect, useState } from "react";
import { useStore } from "zustand";
import { client } from "../client.ts";
import classes from "./about-view.module.css";
import { commands, runCommand, shownShortcut } from "./commands.ts";
import { about } from "./help.ts";
import { isMac } from "./platform.ts";
import { ErrorState, Loading } from "./ui/states.tsx";

export function AboutView() {
  const { open } = useStore(about);
  return (
    <Modal
      returnFocus={false}
      opened={open}
      onClose={() => about.setState({ open: false })}
      title="About Crusader"
      size="40rem"
    >
      {open && <About />}
    </Modal>
  );
}

function About() {
  const byId = useStore(commands, (state) => state.byId);
  const [versions, setVersions] = useState<Record<string, string> | null>(null);
  const [error, setError] = useState<unknown>(null);
  useEffect(() => {
    client.app.versions().then(setVersions).catch(setError);
  }, []);
  const withShortcut = [...byId.values()].filter(({ shortcuts }) => shortcuts !== undefined);
  return (
    <div className={classes.about}>
      {error !== null && <ErrorState error={error} />}
      {versions === null && error === null && <Loading what="Reading the versions" />}
      {versions !== null && (
        <dl className={classes.pairs}>
          {Object.entries(versions).map(([name, version]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd className="mono">{version}</dd>
            </div>
          ))}
        </dl>
      )}
      <div>
        <Button onClick={() => runCommand("help.diagnostics")}>Save the diagnostics for a bug report</Button>
        <p className={classes.note}>Versions, machine, settings and the last errors; names and paths are taken out.</p>
      </div>
      <h2 className={classes.title}>Shortcuts</h2>
      <dl className={classes.pairs}>
        {withShortcut.map(({ id, title, shortcuts }) => (
          <div key={id}>
            <dt>{title}</dt>
            <dd>
              {shortcuts?.map((shortcut) => (
                <kbd key={shortcut}>{shownShortcut(shortcut, isMac)}</kbd>
              ))}
            </dd>
          </div>
        ))}
      </dl>
      <p className={classes.note}>
        In the editor its own keys win: Ctrl+F finds, Ctrl+D adds the next match, Alt+click adds a cursor, Ctrl+M lets
        Tab leave the text.
      </p>
    </div>
  );
}
