/** The native menu. Its commands are the window's own; keys are shown here and taken by the window, so none acts twice. */
import type { MenuItemConstructorOptions } from "electron";
import type { DesktopState } from "./service-messages.ts";

export type MenuActions = {
  /** A command of the window. */
  command: (id: string) => void;
  openFile: () => void;
  openFolder: () => void;
  openRecent: (folderId: string) => void;
};

const MAX_RECENT = 10;

export function menuTemplate(
  platform: NodeJS.Platform,
  recentFolders: DesktopState["recentFolders"],
  actions: MenuActions,
): MenuItemConstructorOptions[] {
  const isMac = platform === "darwin";
  const separator: MenuItemConstructorOptions = { type: "separator" };
  const command = (label: string, id: string, accelerator?: string): MenuItemConstructorOptions => ({
    label,
    id,
    ...(accelerator === undefined ? {} : { accelerator }),
    registerAccelerator: false,
    click: () => actions.command(id),
  });
  const recent = recentFolders.slice(0, MAX_RECENT).map(
    ({ id, name, location }): MenuItemConstructorOptions => ({
      // An ampersand would underline the next letter.
      label: `${name}  (${location})`.replaceAll("&", "&&"),
      click: () => actions.openRecent(id),
    }),
  );
  const recentDocuments: MenuItemConstructorOptions = {
    role: "recentDocuments",
    submenu: [{ role: "clearRecentDocuments" }],
  };
  const appMenu: MenuItemConstructorOptions = { role: "appMenu" };
  const quit: MenuItemConstructorOptions = { role: "quit" };
  return [
    ...(isMac ? [appMenu] : []),
    {
      label: "&File",
      submenu: [
        command("New File from a Template...", "workspace.newFromTemplate", "CmdOrCtrl+Alt+N"),
        { label: "Open File...", id: "file.open", click: actions.openFile },
        {
          label: "Open Folder...",
          id: "folder.open",
          accelerator: "CmdOrCtrl+O",
          registerAccelerator: false,
          click: actions.openFolder,
        },
        { label: "Open Recent Folder", enabled: recent.length > 0, submenu: recent },
        ...(isMac ? [recentDocuments] : []),
        separator,
        command("Save", "editor.save", "CmdOrCtrl+S"),
        command("Save All", "editor.saveAll", "CmdOrCtrl+Alt+S"),
        command("Close Tab", "editor.close", "Alt+W"),
        ...(isMac ? [] : [separator, quit]),
      ],
    },
    { role: "editMenu" },
    {
      label: "&View",
      submenu: [
        command("All Commands...", "palette.show", "CmdOrCtrl+Shift+P"),
        command("Go to File...", "palette.files", "CmdOrCtrl+P"),
        separator,
        command("Zoom In", "view.zoomIn", "CmdOrCtrl+="),
        command("Zoom Out", "view.zoomOut", "CmdOrCtrl+-"),
        command("Actual Size", "view.zoomReset", "CmdOrCtrl+0"),
        separator,
        command("Reset the Layout", "layout.reset"),
        { role: "togglefullscreen" },
      ],
    },
    {
      label: "&Run",
      submenu: [command("Simulate", "simulation.start"), command("Cancel the Run", "simulation.cancel")],
    },
    { role: "windowMenu" },
    {
      role: "help",
      submenu: [
        command("About Crusader, and the Shortcuts", "help.about"),
        command("Save the Diagnostics...", "help.diagnostics"),
        separator,
        { role: "toggleDevTools" },
      ],
    },
  ];
}
