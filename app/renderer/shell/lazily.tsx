/** Parts of the window that are loaded when they are first shown, also while the machine's networks change. */
import { type ComponentType, use, useEffect, useState } from "react";
import { Loading } from "./ui/states.tsx";

/** A browser drops what it is loading when an interface comes or goes: a VPN's, or that of a run's containers. */
const PAUSES_MS = [200, 1000, 3000];
/** By then whoever waited has shown the failure; who asks again begins anew. */
const FORGET_MS = 1000;

/** As `React.lazy`, but what could not be loaded is asked for again: a few times by itself, then whenever it is shown anew. */
export function lazily<Props extends object>(
  load: () => Promise<{ default: ComponentType<Props> }>,
): ComponentType<Props> {
  let loading: Promise<{ default: ComponentType<Props> }> | null = null;
  // biome-ignore lint/correctness/noComponentHookFactories: made once, where a module begins
  return function Lazily(props: Props) {
    loading ??= patiently(load).catch((error: unknown) => {
      setTimeout(() => {
        loading = null;
      }, FORGET_MS);
      throw error;
    });
    const { default: Loaded } = use(loading);
    return <Loaded {...props} />;
  };
}

/**
 * As `lazily`, for what has to be there as soon as its code is: React keeps back for 0.3 s what waited for a promise. Throws
 * what went wrong where it is drawn. `what`: said meanwhile.
 */
export function loadedAtOnce<Props extends object>(
  load: () => Promise<{ default: ComponentType<Props> }>,
  what: string,
): ComponentType<Props> {
  type State = { Loaded: ComponentType<Props> | null; failed: { error: unknown } | null };
  let loaded: ComponentType<Props> | null = null;
  // biome-ignore lint/correctness/noComponentHookFactories: made once, where a module begins
  return function LoadedAtOnce(props: Props) {
    const [{ Loaded, failed }, setState] = useState<State>({ Loaded: loaded, failed: null });
    useEffect(() => {
      if (loaded !== null) return;
      let isGone = false;
      patiently(load).then(
        (module) => {
          loaded = module.default;
          if (!isGone) setState({ Loaded: loaded, failed: null });
        },
        (error: unknown) => !isGone && setState({ Loaded: null, failed: { error } }),
      );
      return () => {
        isGone = true;
      };
    }, []);
    if (failed !== null) throw failed.error;
    return Loaded === null ? <Loading what={what} /> : <Loaded {...props} />;
  };
}

/** Throws what the last attempt threw. */
export async function patiently<T>(load: () => Promise<T>): Promise<T> {
  for (const pauseMs of PAUSES_MS) {
    try {
      return await load();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      askForBrokenSheets();
    }
  }
  return load();
}

const brokenSheets = new Set<HTMLLinkElement>();

/** The bundler asks for a sheet once, whether it came or not. */
function askForBrokenSheets(): void {
  for (const link of brokenSheets) link.replaceWith(link.cloneNode());
  brokenSheets.clear();
}

/** Once, before anything is loaded. */
export function watchSheets(): void {
  const note = ({ target }: Event) => {
    if (target instanceof HTMLLinkElement && target.rel === "stylesheet") brokenSheets.add(target);
  };
  document.addEventListener("error", note, true);
}
