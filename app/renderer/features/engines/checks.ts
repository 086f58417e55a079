/** The engine that is looked at, what it is checked for, and the last check of each. */
import { useStore } from "zustand";
import { createStore } from "zustand/vanilla";
import type { EngineCheck, EngineGpu } from "../../../common/engines.ts";
import { CrusaderError } from "../../../common/errors.ts";
import type { RunProfile } from "../../../common/runs.ts";
import { client, followStream } from "../../client.ts";
import { settings } from "../../shell/settings.ts";

export type Check = {
  /** What is known so far; null before the first answer. */
  item: EngineCheck | null;
  error: CrusaderError | null;
  isRunning: boolean;
  startedAtMs: number;
  cancel: () => void;
};

type State = {
  /** Null: the one that runs are sent to. */
  engine: string | null;
  profile: string | null;
  runProfile: RunProfile | null;
  checks: ReadonlyMap<string, Check>;
};

const state = createStore<State>(() => ({ engine: null, profile: null, runProfile: null, checks: new Map() }));

export const useChecks = () => useStore(state);
export const chooseChecked = (chosen: Partial<Pick<State, "engine" | "profile" | "runProfile">>) =>
  state.setState(chosen);

/** As runs are started now, where nothing else was chosen. Engine null: the docker command's own. */
export function checkedFor(chosen: Pick<State, "engine" | "profile" | "runProfile">) {
  const { profile, container } = settings.getState().current?.simulation ?? {};
  return {
    engine: chosen.engine ?? container?.engine ?? null,
    profile: chosen.profile ?? profile ?? "rehearsal",
    runProfile: chosen.runProfile ?? container?.runProfile ?? ("validator" as const),
  };
}

/** The GPUs that the last check of that engine saw. */
export function useKnownGpus(engine: string | undefined): readonly EngineGpu[] {
  const check = useStore(state, ({ checks }) => (engine === undefined ? undefined : checks.get(engine)));
  return check?.item?.report.gpus ?? [];
}

/** Checks the engine that is looked at. */
export async function checkChosen(): Promise<void> {
  const { engine } = checkedFor(state.getState());
  const engines = await client.engines.list();
  const found = engines.find(({ name, current }) => (engine === null ? current : name === engine));
  if (found === undefined) {
    throw new CrusaderError(
      "not_found",
      "The engine that runs are sent to is gone.",
      "Choose one in the panel Engines.",
    );
  }
  checkEngine(found);
}

/** Begins it anew; one of that engine that is going on is ended first. */
export function checkEngine({ name, current }: { name: string; current: boolean }): void {
  state.getState().checks.get(name)?.cancel();
  const { profile, runProfile } = checkedFor(state.getState());
  const end = followStream(
    (signal) => client.engines.check({ profile, ...asRunsGo(name, current, profile, runProfile) }, { signal }),
    {
      onItem: (item) => change(name, { item }),
      onEnd: () => change(name, { isRunning: false }),
      onError: (error) => change(name, { error, isRunning: false }),
    },
  );
  const cancel = () => {
    end();
    change(name, { isRunning: false });
  };
  const begun: Check = { item: null, error: null, isRunning: true, startedAtMs: Date.now(), cancel };
  state.setState({ engine: name, checks: new Map(state.getState().checks).set(name, begun) });
}

/** GPUs and image of the next run, where it goes to this engine; its ranks, where it is judged by this profile. */
function asRunsGo(engine: string, current: boolean, profile: string, runProfile: RunProfile) {
  const { simulation } = settings.getState().current ?? {};
  const { container, numRanks } = simulation ?? {};
  const isItsEngine =
    container !== undefined && (container.engine === undefined ? current : container.engine === engine);
  const own = isItsEngine ? { gpus: container.gpus, image: container.image } : {};
  const ranks = simulation?.profile === profile && typeof numRanks === "number" ? { numRanks } : {};
  return { container: { ...own, engine, runProfile }, ...ranks };
}

function change(engine: string, fields: Partial<Check>): void {
  const before = state.getState().checks.get(engine);
  if (before === undefined) return;
  state.setState({ checks: new Map(state.getState().checks).set(engine, { ...before, ...fields }) });
}
