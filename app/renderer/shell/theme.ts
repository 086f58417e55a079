/** Mantine's side of the look: 13 px text, a 4 px grid, one accent. Colours are variables of theme.css. */
import { type CSSVariablesResolver, createTheme, type MantineColorsTuple, rem } from "@mantine/core";
import type { Settings } from "../../common/settings.ts";

export const MONOSPACE = '"JetBrains Mono", ui-monospace, "Cascadia Mono", Menlo, Consolas, monospace';

const accent: MantineColorsTuple = [
  "#e8f1fc",
  "#cfe1f7",
  "#9fc3ef",
  "#6ca3e6",
  "#4589de",
  "#2c78d8",
  "#1f69c6",
  "#1c5fb8",
  "#124b94",
  "#0a3a75",
];

export const theme = createTheme({
  primaryColor: "accent",
  primaryShade: { light: 7, dark: 6 },
  colors: { accent },
  autoContrast: true,
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif',
  fontFamilyMonospace: MONOSPACE,
  fontSizes: { xs: rem(12), sm: rem(13), md: rem(13), lg: rem(15), xl: rem(18) },
  spacing: { xs: rem(4), sm: rem(8), md: rem(12), lg: rem(16), xl: rem(24) },
  headings: {
    fontWeight: "600",
    sizes: { h1: { fontSize: rem(18) }, h2: { fontSize: rem(15) }, h3: { fontSize: rem(13) } },
  },
  radius: { xs: rem(2), sm: rem(3), md: rem(4), lg: rem(6), xl: rem(8) },
  defaultRadius: "sm",
  respectReducedMotion: true,
  cursorType: "pointer",
  components: {
    Button: { defaultProps: { size: "compact-sm", variant: "default", fw: 500 } },
    ActionIcon: { defaultProps: { size: "sm", variant: "subtle", color: "gray" } },
    TextInput: { defaultProps: { size: "xs" } },
    NumberInput: { defaultProps: { size: "xs" } },
    Select: { defaultProps: { size: "xs" } },
    Textarea: { defaultProps: { size: "xs" } },
    Tooltip: { defaultProps: { openDelay: 400, withArrow: false, fz: "xs" } },
    // A menu holds its items and nothing else: the first of them has the focus, and no placeholder that is none.
    Menu: {
      defaultProps: {
        shadow: "sm",
        position: "bottom-start",
        withInitialFocusPlaceholder: false,
        transitionProps: { duration: 0 },
      },
    },
    Modal: { defaultProps: { transitionProps: { duration: 0 }, closeButtonProps: { "aria-label": "Close" } } },
  },
});

const shared = {
  "--mantine-color-body": "var(--surface)",
  "--mantine-color-text": "var(--text)",
  "--mantine-color-dimmed": "var(--text-dim)",
  "--mantine-color-default": "var(--surface-raised)",
  "--mantine-color-default-hover": "var(--hover)",
  "--mantine-color-default-color": "var(--text)",
  "--mantine-color-default-border": "var(--border-strong)",
  "--mantine-color-anchor": "var(--accent-text)",
  "--mantine-color-error": "var(--fail)",
  "--mantine-color-placeholder": "var(--text-dim)",
};
export const cssVariablesResolver: CSSVariablesResolver = () => ({ variables: {}, light: shared, dark: shared });

export type Appearance = "light" | "dark" | "high-contrast";

/** What the chosen theme means on a system that prefers dark or more contrast. */
export function appearanceOf(chosen: Settings["theme"], system: { dark: boolean; moreContrast: boolean }): Appearance {
  if (chosen !== "system") return chosen;
  if (system.moreContrast) return "high-contrast";
  return system.dark ? "dark" : "light";
}

/** The next larger or smaller of the usual steps. */
export function nextZoom(percent: number, direction: 1 | -1): number {
  const steps = [50, 67, 75, 80, 90, 100, 110, 125, 150, 175, 200, 250, 300];
  const found = direction === 1 ? steps.find((step) => step > percent) : steps.findLast((step) => step < percent);
  return found ?? percent;
}
