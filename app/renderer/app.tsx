import { MantineProvider } from "@mantine/core";
import { Suspense, useEffect, useState } from "react";
import { useStore } from "zustand";
import classes from "./app.module.css";
import { registerAppCommands } from "./app-commands.ts";
import { useConnection } from "./client.ts";
import { followDesktop } from "./desktop.ts";
import { useWatchedNetwork } from "./features/chain/watched-network.ts";
import { onEditorNeeded, startEditor } from "./features/editor/index.ts";
import { problemSummary } from "./features/editor/live-scan.ts";
import { useProblems } from "./features/editor/problems.ts";
import { enginePrompts, followEnginePrompts } from "./features/engines/prompts.ts";
import { showFeature } from "./features/open-feature.ts";
import { PANELS } from "./features/panels.ts";
import { Choosers } from "./features/simulation/choosers.tsx";
import { followSubmissions, submissionSummary, useSubmissions } from "./features/submission/submissions.ts";
import { loadWorkspace } from "./features/workspace/folders.ts";
import { picker } from "./features/workspace/picker.ts";
import { followActivity } from "./shell/activity.ts";
import { systemAppearance, usePageAppearance } from "./shell/appearance.ts";
import { commandFor, reportCommandFailures, runCommand } from "./shell/commands.ts";
import { Dock } from "./shell/dock.tsx";
import { keepFocus } from "./shell/focus.ts";
import { about } from "./shell/help.ts";
import { lazily } from "./shell/lazily.tsx";
import { followMachine } from "./shell/machine.ts";
import { notifyError } from "./shell/notifications.ts";
import { NotificationsView } from "./shell/notifications-view.tsx";
import { isMac } from "./shell/platform.ts";
import { quickInput } from "./shell/quick-input.ts";
import { Rail } from "./shell/rail.tsx";
import { followSetAside } from "./shell/set-aside.ts";
import { followSettings, settings } from "./shell/settings.ts";
import { StatusBar } from "./shell/status-bar.tsx";
import { cssVariablesResolver, theme } from "./shell/theme.ts";
import { TopBar } from "./shell/top-bar.tsx";
import { EmptyState, Loading } from "./shell/ui/states.tsx";

const ChainEntry = lazily(() => import("./features/chain/chain-entry.tsx"));
const Overlays = lazily(() => import("./overlays.tsx"));

export function App() {
  const ready = useStore(settings, ({ current }) => current !== null);
  useEffect(() => followSettings(), []);
  return ready ? <Window /> : <Waiting />;
}

/** Before the settings are there: the services are starting, gone, or do not let this window in. */
function Waiting() {
  const { status, reason } = useConnection();
  const appearance = systemAppearance();
  useEffect(() => {
    document.documentElement.dataset.appearance = appearance;
  }, [appearance]);
  return (
    <Look appearance={appearance}>
      <main className={classes.waiting}>
        {status === "refused" ? (
          <EmptyState title="This window was not let in">
            {reason} Open the address that <code>crusader serve</code> printed when it started; an address works once.
          </EmptyState>
        ) : status === "disconnected" ? (
          <EmptyState title="Crusader's services do not answer">
            The window connects as soon as they run: <code>crusader serve</code>.
          </EmptyState>
        ) : (
          <Loading what="Connecting" />
        )}
      </main>
    </Look>
  );
}

/** `needed`: true from the first time that one of them is asked for. */
function useOverlays(): { asked: boolean; needed: boolean } {
  const asked = [
    useStore(quickInput, ({ shown }) => shown !== null),
    useStore(picker, ({ open }) => open),
    useStore(about, ({ open }) => open),
    useStore(enginePrompts, ({ open }) => open.length > 0),
  ].includes(true);
  const [needed, setNeeded] = useState(false);
  if (asked && !needed) setNeeded(true);
  return { asked, needed };
}

function Window() {
  const overlays = useOverlays();
  const appearance = usePageAppearance();
  useEffect(() => {
    reportCommandFailures(notifyError);
    onEditorNeeded(() => showFeature("editor"));
    void loadWorkspace();
    const stops = [
      keepFocus(),
      registerAppCommands(),
      followActivity(),
      followMachine(),
      followSetAside(),
      followEnginePrompts(),
      followSubmissions(),
      startEditor(),
      followDesktop(),
    ];
    window.addEventListener("keydown", onKeyDown);
    return () => {
      window.removeEventListener("keydown", onKeyDown);
      for (const stop of stops) stop();
    };
  }, []);
  return (
    <Look appearance={appearance}>
      <div className={classes.window}>
        <TopBar choosers={<Choosers />} />
        <div className={classes.middle}>
          <Rail panels={PANELS} />
          <main className={classes.dock}>
            <Dock panels={PANELS} />
          </main>
        </div>
        <StatusBarWithProblems />
      </div>
      <NotificationsView />
      {overlays.needed && (
        <Suspense>
          <Overlays areShown={overlays.asked} />
        </Suspense>
      )}
    </Look>
  );
}

/** Of its own, as it changes with every scan and the rest of the window does not. */
function StatusBarWithProblems() {
  return (
    <StatusBar
      problems={useProblems(problemSummary)}
      submissions={submissionSummary(useSubmissions())}
      chain={<ChainOfSubmissions />}
    />
  );
}

function ChainOfSubmissions() {
  const network = useWatchedNetwork();
  if (network === null) return null;
  return (
    <Suspense>
      <ChainEntry network={network} />
    </Suspense>
  );
}

function onKeyDown(event: KeyboardEvent): void {
  // Whoever had the focus used the key: inside the editor its own keys win.
  if (event.defaultPrevented || event.isComposing) return;
  const command = commandFor(event, isMac);
  if (command === null) return;
  event.preventDefault();
  runCommand(command.id);
}

function Look({ appearance, children }: { appearance: string; children: React.ReactNode }) {
  return (
    <MantineProvider
      theme={theme}
      cssVariablesResolver={cssVariablesResolver}
      forceColorScheme={appearance === "light" ? "light" : "dark"}
    >
      {children}
    </MantineProvider>
  );
}
