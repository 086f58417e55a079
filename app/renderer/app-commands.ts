/** The commands of the shell, the workspace and the editor. */
import { client, connection } from "./client.ts";
import { arenaCommands } from "./features/arena/commands.ts";
import {
  activeFile,
  buffers,
  checkActive,
  closeTab,
  copyToFile,
  formatActive,
  loadedMonaco,
  openDiff,
  openFile,
  saveActive,
  saveAll,
} from "./features/editor/index.ts";
import { engineCommands } from "./features/engines/commands.ts";
import { historyCommands } from "./features/history/commands.ts";
import { openFeature } from "./features/open-feature.ts";
import { PANELS } from "./features/panels.ts";
import { productionCommands } from "./features/production/commands.ts";
import { serverCommands } from "./features/servers/commands.ts";
import { simulationCommands } from "./features/simulation/commands.ts";
import { submissionCommands } from "./features/submission/commands.ts";
import { pickTemplate, removeFile, renameFile } from "./features/workspace/actions.ts";
import { allFiles } from "./features/workspace/folders.ts";
import { pickFolder } from "./features/workspace/picker.ts";
import { activity } from "./shell/activity.ts";
import { type Command, commands, isEnabled, registerCommands, runCommand, shownShortcut } from "./shell/commands.ts";
import { restore } from "./shell/dock.tsx";
import { focusedPanelId, panelsInSight } from "./shell/focus.ts";
import { downloadFile, showAbout } from "./shell/help.ts";
import { ARRANGEMENTS, arrange, closePanel, layout } from "./shell/layout.ts";
import { setUpPython } from "./shell/machine.ts";
import { notifications, notify } from "./shell/notifications.ts";
import { isMac } from "./shell/platform.ts";
import { hideQuickInput, type QuickItem, quickInput, showQuickInput } from "./shell/quick-input.ts";
import { selection } from "./shell/selection.ts";
import { changeSettings, settings } from "./shell/settings.ts";
import { nextZoom } from "./shell/theme.ts";

/** Returns the function that takes them away again. */
export function registerAppCommands(): () => void {
  return registerCommands(
    ...paletteCommands,
    ...workspaceCommands,
    ...editorCommands,
    ...simulationCommands,
    ...engineCommands,
    ...serverCommands,
    ...productionCommands,
    ...historyCommands,
    ...submissionCommands,
    ...arenaCommands,
    ...viewCommands,
    ...machineCommands,
    ...PANELS.map(
      ({ id, title, shortcut }): Command => ({
        id: `panel.${id}`,
        title: `Show ${title}`,
        category: "View",
        ...(shortcut === undefined ? {} : { shortcuts: [shortcut] }),
        run: () => openFeature(id),
      }),
    ),
  );
}

function commandItems(): QuickItem[] {
  return [...commands.getState().byId.values()]
    .filter((command) => isEnabled(command) && command.id !== "palette.show")
    .map(({ id, title, category, shortcuts }) => ({
      id,
      title,
      detail: category,
      hint: shortcuts?.[0] === undefined ? "" : shownShortcut(shortcuts[0], isMac),
      run: () => {
        runCommand(id);
      },
    }));
}

function fileItems(): QuickItem[] {
  return allFiles().map(({ file, folder }) => ({
    id: `file:${file.folderId}/${file.name}`,
    title: file.name,
    detail: folder,
    hint: "file",
    run: () => openFile(file),
  }));
}

const MAX_RUN_ITEMS = 50;

async function runItems(query: string, signal: AbortSignal, run: (runId: string) => void): Promise<QuickItem[]> {
  const search = query.replace(/^\s*run\s*/i, "").trim();
  const { runs } = await client.runs.list(
    { limit: MAX_RUN_ITEMS, ...(search === "" ? {} : { search: search.slice(0, 200) }) },
    { signal },
  );
  return runs.map(({ id, submission, profile, state, failure }) => ({
    id: `run:${id}`,
    title: `run ${id}`,
    detail: `${submission.name} v${submission.version}, ${profile.name}`,
    hint: failure?.code ?? state,
    run: () => run(id),
  }));
}

export function showRun(runId: string): void {
  selection.setState({ runId });
  openFeature("result");
}

const paletteCommands: Command[] = [
  {
    id: "palette.show",
    title: "All commands, files and runs",
    category: "Help",
    shortcuts: ["Ctrl+Shift+P", "F1"],
    run: () => {
      if (quickInput.getState().shown !== null) {
        hideQuickInput();
        return;
      }
      showQuickInput({
        kind: "pick",
        label: "Commands, files and runs",
        placeholder: "Type a command, a file or a run",
        items: () => [...commandItems(), ...fileItems()],
        // Runs are asked for only once something was typed, and their absence hides nothing else.
        more: async (query, signal) => {
          if (query.trim() === "" || connection.state.getState().status !== "connected") return [];
          return runItems(query, signal, showRun);
        },
      });
    },
  },
  {
    id: "palette.files",
    title: "Go to file",
    category: "Workspace",
    shortcuts: ["Ctrl+P"],
    run: () => showQuickInput({ kind: "pick", label: "Go to file", placeholder: "File", items: () => fileItems() }),
  },
  {
    id: "palette.runs",
    title: "Go to run",
    category: "History",
    run: () =>
      showQuickInput({
        kind: "pick",
        label: "Go to run",
        placeholder: "Number, file, profile or code",
        items: () => [],
        more: (query, signal) => runItems(query, signal, showRun),
      }),
  },
];

const workspaceCommands: Command[] = [
  {
    id: "workspace.openFolder",
    title: "Open a folder",
    category: "Workspace",
    shortcuts: ["Ctrl+O"],
    run: () => pickFolder(),
  },
  {
    id: "workspace.newFromTemplate",
    title: "New file from a template",
    category: "Workspace",
    shortcuts: ["Ctrl+Alt+N"],
    run: () => pickTemplate(),
  },
  {
    id: "workspace.rename",
    title: "Rename the open file",
    category: "Workspace",
    when: () => activeFile() !== null,
    run: () => {
      const buffer = activeFile();
      if (buffer !== null) renameFile(buffer.file);
    },
  },
  {
    id: "workspace.delete",
    title: "Delete the open file",
    category: "Workspace",
    when: () => activeFile() !== null,
    run: async () => {
      const buffer = activeFile();
      if (buffer !== null) await removeFile(buffer.file);
    },
  },
];

const hasTab = () => buffers.active !== undefined;
const hasFile = () => activeFile() !== null;
const inMonaco = (action: string) => () => {
  const editors = loadedMonaco.getState().loaded?.module.monaco.editor.getEditors() ?? [];
  const editor = editors.find((one) => one.getDomNode()?.checkVisibility() === true);
  editor?.focus();
  editor?.trigger("window", action, null);
};

/** In the editor Monaco has these keys itself, and does the same. */
const goToProblem = (action: string) => () => {
  openFeature("editor");
  inMonaco(action)();
};

const editorCommands: Command[] = [
  {
    id: "editor.save",
    title: "Save",
    category: "Editor",
    shortcuts: ["Ctrl+S"],
    // Also without a file: the browser would save the page.
    run: async () => {
      const buffer = activeFile();
      if (buffer !== null && !(await saveActive()) && buffers.get(buffer.id)?.kind === "file") {
        notify({
          kind: "warning",
          title: `${buffer.title} was not saved`,
          message: "The file changed on the disk meanwhile. Choose above the text what is to stay.",
          key: `conflict:${buffer.id}`,
        });
      }
    },
  },
  {
    id: "editor.saveAll",
    title: "Save all",
    category: "Editor",
    shortcuts: ["Ctrl+Alt+S"],
    when: hasFile,
    run: saveAll,
  },
  {
    id: "editor.copyToFile",
    title: "Make a file of what is only shown",
    category: "Editor",
    when: () => buffers.active?.kind === "readOnly",
    run: async () => {
      if (buffers.active?.kind === "readOnly") await copyToFile(buffers.active);
    },
  },
  {
    id: "editor.close",
    title: "Close the tab",
    category: "Editor",
    shortcuts: ["Alt+W"],
    when: hasTab,
    run: () => {
      if (buffers.active !== undefined) closeTab(buffers.active.id);
    },
  },
  {
    id: "editor.nextTab",
    title: "Next tab",
    category: "Editor",
    shortcuts: ["Alt+PageDown"],
    when: hasTab,
    run: () => buffers.step(1),
  },
  {
    id: "editor.previousTab",
    title: "Previous tab",
    category: "Editor",
    shortcuts: ["Alt+PageUp"],
    when: hasTab,
    run: () => buffers.step(-1),
  },
  {
    id: "editor.check",
    title: "Check the open file with the scanner",
    category: "Editor",
    when: hasFile,
    run: () => {
      openFeature("problems");
      checkActive();
    },
  },
  {
    id: "editor.nextProblem",
    title: "Go to the next problem",
    category: "Editor",
    shortcuts: ["F8"],
    when: hasTab,
    run: goToProblem("editor.action.marker.nextInFiles"),
  },
  {
    id: "editor.previousProblem",
    title: "Go to the previous problem",
    category: "Editor",
    shortcuts: ["Shift+F8"],
    when: hasTab,
    run: goToProblem("editor.action.marker.prevInFiles"),
  },
  {
    id: "editor.quickFix",
    title: "Mend the problem at the cursor",
    category: "Editor",
    when: hasFile,
    run: inMonaco("editor.action.quickFix"),
  },
  {
    id: "editor.explainProblem",
    title: "Explain the problem at the cursor",
    category: "Editor",
    when: hasTab,
    run: inMonaco("editor.action.showHover"),
  },
  {
    id: "editor.format",
    title: "Format file",
    category: "Editor",
    shortcuts: ["Shift+Alt+F"],
    when: hasFile,
    run: formatActive,
  },
  {
    id: "editor.formatOnSave",
    title: "Format on save: turn on",
    category: "Editor",
    when: () => settings.getState().current?.formatOnSave === false,
    run: () => changeSettings({ formatOnSave: true }),
  },
  {
    id: "editor.noFormatOnSave",
    title: "Format on save: turn off",
    category: "Editor",
    when: () => settings.getState().current?.formatOnSave === true,
    run: () => changeSettings({ formatOnSave: false }),
  },
  { id: "editor.find", title: "Find in the file", category: "Editor", when: hasTab, run: inMonaco("actions.find") },
  {
    id: "editor.replace",
    title: "Find and replace in the file",
    category: "Editor",
    when: hasFile,
    run: inMonaco("editor.action.startFindReplaceAction"),
  },
  {
    id: "editor.more",
    title: "More editor commands",
    category: "Editor",
    when: hasTab,
    run: inMonaco("editor.action.quickCommand"),
  },
  {
    id: "editor.compareWithFile",
    title: "Compare the open file with another file",
    category: "Editor",
    when: hasFile,
    run: () => {
      const buffer = activeFile();
      if (buffer === null) return;
      showQuickInput({
        kind: "pick",
        label: `Compare ${buffer.title} with a file`,
        placeholder: "File",
        items: () =>
          allFiles().map(({ file, folder }) => ({
            id: `${file.folderId}/${file.name}`,
            title: file.name,
            detail: folder,
            run: () => openDiff({ kind: "file", file }, { kind: "buffer", id: buffer.id }),
          })),
      });
    },
  },
  {
    id: "editor.compareWithRun",
    title: "Compare the open file with what a run judged",
    category: "Editor",
    when: hasFile,
    run: () => {
      const buffer = activeFile();
      if (buffer === null) return;
      showQuickInput({
        kind: "pick",
        label: `Compare ${buffer.title} with a run`,
        placeholder: "Number, file, profile or code",
        items: () => [],
        more: (query, signal) =>
          runItems(query, signal, (runId) => void openDiff({ kind: "run", runId }, { kind: "buffer", id: buffer.id })),
      });
    },
  },
];

const zoomTo = (zoomPercent: number) => changeSettings({ zoomPercent });
const zoomBy = (direction: 1 | -1) => () =>
  zoomTo(nextZoom(settings.getState().current?.zoomPercent ?? 100, direction));
const themeCommand = (theme: "system" | "light" | "dark" | "high-contrast", title: string): Command => ({
  id: `view.theme.${theme}`,
  title: `Theme: ${title}`,
  category: "View",
  run: () => changeSettings({ theme }),
});

const focusPanelBeside = (step: 1 | -1) => () => {
  const ids = panelsInSight();
  const current = ids.indexOf(focusedPanelId() ?? layout.getState().activePanelId ?? "");
  const id = ids.at((current + step) % ids.length);
  if (id !== undefined) openFeature(id);
};

const viewCommands: Command[] = [
  { id: "view.zoomIn", title: "Zoom in", category: "View", shortcuts: ["Ctrl+=", "Ctrl++"], run: zoomBy(1) },
  { id: "view.zoomOut", title: "Zoom out", category: "View", shortcuts: ["Ctrl+-"], run: zoomBy(-1) },
  { id: "view.zoomReset", title: "Zoom: 100 %", category: "View", shortcuts: ["Ctrl+0"], run: () => zoomTo(100) },
  themeCommand("system", "as the system"),
  themeCommand("light", "light"),
  themeCommand("dark", "dark"),
  themeCommand("high-contrast", "high contrast"),
  {
    id: "view.nextGroup",
    title: "Go to the next panel",
    category: "View",
    shortcuts: ["F6"],
    run: focusPanelBeside(1),
  },
  {
    id: "view.previousGroup",
    title: "Go to the previous panel",
    category: "View",
    shortcuts: ["Shift+F6"],
    run: focusPanelBeside(-1),
  },
  {
    id: "view.notifications",
    title: "Go to the notifications",
    category: "View",
    shortcuts: ["Alt+N"],
    when: () => notifications.getState().shown.length > 0,
    run: () => [...document.querySelectorAll("[data-notification]")].at(-1)?.querySelector("button")?.focus(),
  },
  {
    id: "view.closePanel",
    title: "Close the panel",
    category: "View",
    shortcuts: ["Alt+Shift+W"],
    when: () => layout.getState().activePanelId !== null,
    run: () => closePanel(layout.getState().activePanelId ?? ""),
  },
  {
    id: "view.maximize",
    title: "Maximise or restore the panel",
    category: "View",
    shortcuts: ["Alt+Enter"],
    run: () => {
      const { api } = layout.getState();
      if (api?.activePanel === undefined) return;
      if (api.hasMaximizedGroup()) api.exitMaximizedGroup();
      else api.maximizeGroup(api.activePanel);
    },
  },
  ...Object.entries(ARRANGEMENTS).map(
    ([id, arrangement]): Command => ({
      id: `layout.${id}`,
      title: `Layout: ${arrangement.title}`,
      category: "View",
      run: () => arrange(PANELS, arrangement),
    }),
  ),
  { id: "layout.reset", title: "Layout: reset", category: "View", run: () => restore(PANELS, null) },
  {
    id: "layout.save",
    title: "Layout: save under a name",
    category: "View",
    run: () =>
      showQuickInput({
        kind: "text",
        label: "Name of the layout",
        value: "",
        problem: (name) => (name.trim() === "" || name.length > 80 ? "A name has 1 to 80 characters." : null),
        accept: async (name) => {
          const { api } = layout.getState();
          if (api === null) return;
          const saved = api.toJSON() as unknown as Record<string, unknown>;
          const presets = settings.getState().current?.layoutPresets ?? {};
          await changeSettings({ layoutPresets: { ...presets, [name.trim()]: saved } });
        },
      }),
  },
  {
    id: "layout.apply",
    title: "Layout: use a saved one",
    category: "View",
    when: () => Object.keys(settings.getState().current?.layoutPresets ?? {}).length > 0,
    run: () => pickLayout("Use a layout", (_, saved) => restore(PANELS, saved)),
  },
  {
    id: "layout.forget",
    title: "Layout: delete a saved one",
    category: "View",
    when: () => Object.keys(settings.getState().current?.layoutPresets ?? {}).length > 0,
    run: () =>
      pickLayout("Delete a layout", (name) => {
        const { [name]: _, ...layoutPresets } = settings.getState().current?.layoutPresets ?? {};
        return changeSettings({ layoutPresets });
      }),
  },
  { id: "help.about", title: "About Crusader, and the shortcuts", category: "Help", run: showAbout },
  {
    id: "help.diagnostics",
    title: "Save the diagnostics for a bug report",
    category: "Help",
    run: async () => downloadFile(await client.app.diagnostics()),
  },
];

function pickLayout(label: string, use: (name: string, saved: Record<string, unknown>) => void | Promise<void>): void {
  showQuickInput({
    kind: "pick",
    label,
    placeholder: "Layout",
    items: () =>
      Object.entries(settings.getState().current?.layoutPresets ?? {}).map(([name, saved]) => ({
        id: name,
        title: name,
        run: () => use(name, saved),
      })),
  });
}

const machineCommands: Command[] = [
  {
    id: "machine.setup",
    title: "Set up the Python environment",
    category: "Machine",
    when: () => !activity.getState().tasks.some(({ state }) => state === "running"),
    run: setUpPython,
  },
];
