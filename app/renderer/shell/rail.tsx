/** The activities at the left edge. */
import { ActionIcon, Menu, Tooltip } from "@mantine/core";
import { IconHelp, IconLayout, IconSettings } from "@tabler/icons-react";
import { useStore } from "zustand";
import { commands, runCommand, shownShortcut } from "./commands.ts";
import { layout } from "./layout.ts";
import type { PanelDefinition } from "./panels.ts";
import { isMac } from "./platform.ts";
import classes from "./rail.module.css";
import { useSettings } from "./settings.ts";

export function Rail({ panels }: { panels: readonly PanelDefinition[] }) {
  const activePanelId = useStore(layout, (state) => state.activePanelId);
  return (
    <nav className={classes.rail} aria-label="Panels">
      {panels
        .filter(({ onRail }) => onRail)
        .map(({ id, title, icon: Icon, shortcut }) => (
          <Tooltip
            key={id}
            label={shortcut === undefined ? title : `${title} (${shownShortcut(shortcut, isMac)})`}
            position="right"
          >
            <ActionIcon
              size="lg"
              aria-label={title}
              aria-current={id === activePanelId || undefined}
              className={classes.entry}
              onClick={() => runCommand(`panel.${id}`)}
            >
              <Icon size="1.25rem" stroke={1.6} />
            </ActionIcon>
          </Tooltip>
        ))}
      <span className={classes.gap} />
      <CommandMenu label="Layout" icon={<IconLayout size="1.25rem" stroke={1.6} />} prefix="layout." />
      <ViewMenu />
      <Tooltip label="About and shortcuts" position="right">
        <ActionIcon
          size="lg"
          aria-label="About Crusader, and the shortcuts"
          className={classes.entry}
          onClick={() => runCommand("help.about")}
        >
          <IconHelp size="1.25rem" stroke={1.6} />
        </ActionIcon>
      </Tooltip>
    </nav>
  );
}

function ViewMenu() {
  const theme = useSettings((settings) => settings.theme);
  const zoomPercent = useSettings((settings) => settings.zoomPercent);
  return (
    <CommandMenu
      label={`Appearance; zoom ${zoomPercent} %`}
      icon={<IconSettings size="1.25rem" stroke={1.6} />}
      prefix="view.theme."
      and={["view.zoomIn", "view.zoomOut", "view.zoomReset"]}
      current={`view.theme.${theme}`}
    />
  );
}

type CommandMenuProps = {
  label: string;
  icon: React.ReactNode;
  /** The commands whose ids begin so. */
  prefix: string;
  and?: readonly string[];
  /** The id of the one that holds now. */
  current?: string;
};

function CommandMenu({ label, icon, prefix, and = [], current }: CommandMenuProps) {
  const byId = useStore(commands, (state) => state.byId);
  const shown = [...byId.values()].filter(({ id }) => id.startsWith(prefix) || and.includes(id));
  return (
    <Menu position="right-end">
      <Menu.Target>
        <ActionIcon size="lg" aria-label={label} className={classes.entry}>
          {icon}
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {shown.map(({ id, title, shortcuts, when }) => (
          <Menu.Item
            key={id}
            disabled={when !== undefined && !when()}
            rightSection={shortcuts?.[0] === undefined ? undefined : shownShortcut(shortcuts[0], isMac)}
            onClick={() => runCommand(id)}
          >
            {title}
            {id === current && " (now)"}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}
