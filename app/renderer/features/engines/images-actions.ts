/** Images of an engine: what was found out about building one, and the build that goes on. */
import { useEffect } from "react";
import { useStore } from "zustand";
import { createStore } from "zustand/vanilla";
import type { CrusaderError } from "../../../common/errors.ts";
import type { BuildView, ImageCheck } from "../../../common/images.ts";
import { client, followStream } from "../../client.ts";
import { asCrusaderError } from "../../connection.ts";
import { notifyError } from "../../shell/notifications.ts";
import { openFeature } from "../open-feature.ts";
import { pickFolder } from "../workspace/picker.ts";
import { chooseChecked } from "./checks.ts";

export type Looked = { check: ImageCheck | null; error: CrusaderError | null; isRunning: boolean };

/** What a build begins with, where the user said so. */
export type BuildChoice = { base: string; wheelsPickedId: string | null };

type State = {
  /** By engine and profile. */
  looked: ReadonlyMap<string, Looked>;
  choices: ReadonlyMap<string, BuildChoice>;
  build: BuildView | null;
};

const state = createStore<State>(() => ({ looked: new Map(), choices: new Map(), build: null }));

const keyOf = (engine: string, profile: string) => JSON.stringify([engine, profile]);
const NO_CHOICE: BuildChoice = { base: "", wheelsPickedId: null };

export function useImages(engine: string, profile: string) {
  const { looked, choices, build } = useStore(state);
  const key = keyOf(engine, profile);
  return { looked: looked.get(key), choice: choices.get(key) ?? NO_CHOICE, build };
}

/** Follows the build of this host while it is shown. */
export function useFollowedBuild(): void {
  useEffect(
    () =>
      followStream((signal) => client.images.watchBuild(undefined, { signal }), {
        onItem: (build) => state.setState({ build }),
        onError: (error) => notifyError(error),
      }),
    [],
  );
}

/** What was found out before is of another choice. */
export function chooseForBuild(engine: string, profile: string, choice: BuildChoice): void {
  const key = keyOf(engine, profile);
  const { looked, choices } = state.getState();
  const others = new Map(looked);
  others.delete(key);
  state.setState({ looked: others, choices: new Map(choices).set(key, choice) });
}

export function pickWheels(engine: string, profile: string): Promise<void> {
  return pickFolder({
    title: "Take packages from a folder of wheels",
    verb: "Use",
    use: async (wheelsPickedId) => {
      const before = state.getState().choices.get(keyOf(engine, profile)) ?? NO_CHOICE;
      chooseForBuild(engine, profile, { ...before, wheelsPickedId });
    },
  });
}

/** What a build would do and what stands in its way; null where that cannot be said, which is then shown. */
export async function checkImage(engine: string, profile: string): Promise<ImageCheck | null> {
  const key = keyOf(engine, profile);
  const show = (fields: Partial<Looked>) => {
    const { looked } = state.getState();
    const before = looked.get(key) ?? { check: null, error: null, isRunning: false };
    state.setState({ looked: new Map(looked).set(key, { ...before, ...fields }) });
  };
  show({ isRunning: true, error: null });
  try {
    const check = await client.images.check(requestOf(engine, profile));
    show({ check, isRunning: false });
    return check;
  } catch (thrown) {
    show({ check: null, error: asCrusaderError(thrown), isRunning: false });
    return null;
  }
}

/**
 * Builds the profile's image on the engine, shown in the panel Engines. What stands in its way is found out first, and
 * shown instead of a build. `anyway`: it was seen, and the build is wanted all the same.
 */
export async function buildImage(engine: string, profile: string, { anyway = false } = {}): Promise<void> {
  chooseChecked({ engine, profile });
  openFeature("engines");
  const check = anyway ? null : await checkImage(engine, profile);
  if (!anyway && (check === null || hasProblem(check))) return;
  await client.images.build(requestOf(engine, profile));
}

export function hasProblem({ findings }: ImageCheck): boolean {
  return findings.some(({ level }) => level === "problem");
}

function requestOf(engine: string, profile: string) {
  const { base, wheelsPickedId } = state.getState().choices.get(keyOf(engine, profile)) ?? NO_CHOICE;
  return {
    engine,
    profile,
    ...(base.trim() === "" ? {} : { base: base.trim() }),
    ...(wheelsPickedId === null ? {} : { wheelsPickedId }),
  };
}
