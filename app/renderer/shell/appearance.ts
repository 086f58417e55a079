/** What the chosen theme and zoom mean now, and their traces on the page. */
import { useEffect, useSyncExternalStore } from "react";
import { useSettings } from "./settings.ts";
import { type Appearance, appearanceOf } from "./theme.ts";

const dark = window.matchMedia("(prefers-color-scheme: dark)");
const moreContrast = window.matchMedia("(prefers-contrast: more)");

function subscribe(listener: () => void): () => void {
  for (const query of [dark, moreContrast]) query.addEventListener("change", listener);
  return () => {
    for (const query of [dark, moreContrast]) query.removeEventListener("change", listener);
  };
}

/** What the system asks for, as long as the person chose nothing. */
export function systemAppearance(): Appearance {
  return appearanceOf("system", { dark: dark.matches, moreContrast: moreContrast.matches });
}

export function useAppearance(): Appearance {
  const chosen = useSettings(({ theme }) => theme);
  const system = useSyncExternalStore(subscribe, systemAppearance);
  return chosen === "system" ? system : chosen;
}

export function useZoom(): number {
  return useSettings(({ zoomPercent }) => zoomPercent);
}

const BROWSER_DEFAULT_FONT_SIZE = 16;

/** Every length of ours is in rem, so that one number zooms the window. */
export function usePageAppearance(): Appearance {
  const appearance = useAppearance();
  const zoomPercent = useZoom();
  useEffect(() => {
    document.documentElement.dataset.appearance = appearance;
  }, [appearance]);
  useEffect(() => {
    document.documentElement.style.fontSize = `${(BROWSER_DEFAULT_FONT_SIZE * zoomPercent) / 100}px`;
  }, [zoomPercent]);
  return appearance;
}
