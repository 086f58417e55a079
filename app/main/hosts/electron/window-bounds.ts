/** Where the window opens: where it was, if that is still on a screen. Lengths in device-independent pixels. */
import { z } from "zod";

const rectangleSchema = z.object({
  x: z.number().int(),
  y: z.number().int(),
  width: z.number().int().positive(),
  height: z.number().int().positive(),
});
export type Rectangle = z.infer<typeof rectangleSchema>;

export const windowStateSchema = z.object({
  /** Null: never opened before. Not those of the maximised window, but those it returns to. */
  bounds: rectangleSchema.nullable(),
  isMaximized: z.boolean(),
});

export const WINDOW_STATE_VERSION = 1;
export const MIN_WIDTH = 640;
export const MIN_HEIGHT = 480;
const DEFAULT_WIDTH = 1440;
const DEFAULT_HEIGHT = 900;
/** As much of the title bar must be in reach that one can take hold of it. */
const REACHABLE_WIDTH = 120;
const REACHABLE_HEIGHT = 32;

/** `workAreas`: of the displays there are now, the primary one first. */
export function openingBounds(saved: Rectangle | null, workAreas: readonly [Rectangle, ...Rectangle[]]): Rectangle {
  const [primary] = workAreas;
  const wanted = saved ?? { x: 0, y: 0, width: DEFAULT_WIDTH, height: DEFAULT_HEIGHT };
  const home = saved === null ? undefined : workAreas.find((area) => isReachable(saved, area));
  const area = home ?? primary;
  const width = Math.min(Math.max(wanted.width, MIN_WIDTH), area.width);
  const height = Math.min(Math.max(wanted.height, MIN_HEIGHT), area.height);
  if (home !== undefined) return { x: wanted.x, y: wanted.y, width, height };
  return {
    x: area.x + Math.floor((area.width - width) / 2),
    y: area.y + Math.floor((area.height - height) / 2),
    width,
    height,
  };
}

function isReachable(window: Rectangle, area: Rectangle): boolean {
  const overlap = Math.min(window.x + window.width, area.x + area.width) - Math.max(window.x, area.x);
  const isTitleBarInside = window.y >= area.y && window.y + REACHABLE_HEIGHT <= area.y + area.height;
  return isTitleBarInside && overlap >= REACHABLE_WIDTH;
}
