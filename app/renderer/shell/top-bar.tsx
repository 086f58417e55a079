import { Button } from "@mantine/core";
import { IconPlayerPlay } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { useStore } from "zustand";
import { commands, runCommand, shownShortcut } from "./commands.ts";
import { isMac } from "./platform.ts";
import { useSelection } from "./selection.ts";
import classes from "./top-bar.module.css";

/** `choosers`: what the next run is judged by, and where. */
export function TopBar({ choosers }: { choosers: ReactNode }) {
  const target = useSelection((state) => state.target);
  const canSimulate = useStore(commands, (state) => state.byId.has("simulation.start"));
  return (
    <header className={classes.bar}>
      <span className={classes.name}>Crusader</span>
      <span className={classes.target} title={target?.origin}>
        {target === null ? "no file is open" : target.title}
      </span>
      {canSimulate && (
        <Button
          variant="filled"
          leftSection={<IconPlayerPlay size="0.875rem" aria-hidden />}
          disabled={target === null}
          onClick={() => runCommand("simulation.start")}
        >
          Simulate <kbd className={classes.key}>{shownShortcut("Ctrl+Enter", isMac)}</kbd>
        </Button>
      )}
      {choosers}
      <span className={classes.gap} />
      <Button variant="subtle" color="gray" onClick={() => runCommand("palette.show")}>
        Commands <kbd className={classes.key}>{shownShortcut("Ctrl+Shift+P", isMac)}</kbd>
      </Button>
    </header>
  );
}
