/** The docked panels, each behind its own wall: one that fails leaves the others alone. */
import "dockview-react/dist/styles/dockview.css";
import { IconX } from "@tabler/icons-react";
import {
  type BuiltInContextMenuItem,
  DockviewReact,
  type DockviewReadyEvent,
  type IDockviewPanelHeaderProps,
  type IDockviewPanelProps,
} from "dockview-react";
import {
  Component,
  createContext,
  type ReactNode,
  Suspense,
  useCallback,
  useContext,
  useEffect,
  useState,
} from "react";
import type { Settings } from "../../common/settings.ts";
import { onPanelDrawn } from "./focus.ts";
import { ARRANGEMENTS, arrange, DEFAULT_ARRANGEMENT, isUsableLayout, layout, PANEL_COMPONENT } from "./layout.ts";
import { notify } from "./notifications.ts";
import type { PanelDefinition } from "./panels.ts";
import { changeSettings, settings } from "./settings.ts";
import { ErrorState, Loading } from "./ui/states.tsx";

const SAVED_AFTER_MS = 600;
// No windows of their own: the host opens one.
const tabMenu: () => BuiltInContextMenuItem[] = () => ["close", "closeOthers", "separator", "float", "maximize"];
const THEME = { name: "crusader", className: "crusader-dock" };

export function Dock({ panels }: { panels: readonly PanelDefinition[] }) {
  const onReady = useCallback(
    ({ api }: DockviewReadyEvent) => {
      layout.setState({ api });
      restore(panels, settings.getState().current?.layout ?? null);
      const told = () =>
        layout.setState({
          activePanelId: api.activePanel?.id ?? null,
          openPanelIds: api.panels.map(({ id }) => id),
        });
      told();
      api.onDidActivePanelChange(told);
      let timer: ReturnType<typeof setTimeout> | undefined;
      api.onDidLayoutChange(() => {
        told();
        clearTimeout(timer);
        timer = setTimeout(() => {
          void changeSettings({ layout: api.toJSON() as unknown as Record<string, unknown> });
        }, SAVED_AFTER_MS);
      });
    },
    [panels],
  );
  return (
    <PanelsContext.Provider value={panels}>
      <DockviewReact
        components={COMPONENTS}
        defaultTabComponent={PanelTab}
        onReady={onReady}
        theme={THEME}
        proportionalLayout
        scrollbars="native"
        getTabContextMenuItems={tabMenu}
      />
    </PanelsContext.Provider>
  );
}

/** Shows a saved arrangement, or the default one where it cannot be used. */
export function restore(panels: readonly PanelDefinition[], saved: Settings["layout"]): void {
  const { api } = layout.getState();
  if (api === null) return;
  const standard = ARRANGEMENTS[DEFAULT_ARRANGEMENT];
  if (
    saved === null ||
    !isUsableLayout(
      saved,
      panels.map(({ id }) => id),
    )
  ) {
    if (standard !== undefined) arrange(panels, standard);
    return;
  }
  try {
    api.fromJSON(saved);
  } catch {
    // The library has its own idea of a valid arrangement; whatever it refuses is no loss.
    if (standard !== undefined) arrange(panels, standard);
    notify({ kind: "warning", title: "The saved layout could not be used", message: "The default one is shown." });
  }
}

const PanelsContext = createContext<readonly PanelDefinition[]>([]);
const COMPONENTS = { [PANEL_COMPONENT]: FramedPanel };

/** The library's own tab holds a second button, which a screen reader cannot reach; keys close a panel by command. */
function PanelTab({ api }: IDockviewPanelHeaderProps) {
  const closesByMiddleClick = (event: React.MouseEvent) => {
    if (event.button === 1) api.close();
  };
  return (
    <div className="panel-tab" onAuxClick={closesByMiddleClick}>
      {api.title}
      <span className="panel-tab-close" aria-hidden title="Close" onClick={() => api.close()}>
        <IconX size="0.75rem" />
      </span>
    </div>
  );
}

function FramedPanel({ api }: IDockviewPanelProps) {
  const definition = useContext(PanelsContext).find(({ id }) => id === api.id);
  const wasShown = useWasShown(api);
  useEffect(() => {
    if (definition !== undefined) onPanelDrawn(definition.id, definition.firstFocus);
  }, [definition]);
  if (definition === undefined) return null;
  const { id, title, component: Panel } = definition;
  return (
    <section className="panel" aria-label={title} data-panel={id} tabIndex={-1}>
      <PanelWall>
        <Suspense fallback={<Loading what={`Loading ${title}`} />}>{wasShown && <Panel />}</Suspense>
      </PanelWall>
    </section>
  );
}

/** True from the first time that the panel is in front: the library would load and run those behind it, too. */
function useWasShown(api: IDockviewPanelProps["api"]): boolean {
  const [wasShown, setWasShown] = useState(api.isVisible);
  useEffect(() => {
    if (wasShown) return;
    // It may have come to the front since it was drawn.
    if (api.isVisible) {
      setWasShown(true);
      return;
    }
    const following = api.onDidVisibilityChange(({ isVisible }) => isVisible && setWasShown(true));
    return () => following.dispose();
  }, [api, wasShown]);
  return wasShown;
}

type WallProps = { children: ReactNode };

/** React has this only as a class. */
class PanelWall extends Component<WallProps, { thrown: unknown }> {
  override state = { thrown: null as unknown };

  static getDerivedStateFromError(thrown: unknown) {
    return { thrown: thrown ?? new Error("Nothing was said.") };
  }

  override render() {
    if (this.state.thrown === null) return this.props.children;
    return <ErrorState error={this.state.thrown} retry={() => this.setState({ thrown: null })} />;
  }
}
