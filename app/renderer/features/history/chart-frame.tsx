/** Around every chart: its title, zoom, and copies as image and as CSV. */
import { ActionIcon } from "@mantine/core";
import { useElementSize } from "@mantine/hooks";
import { IconPhoto, IconTable, IconZoomIn, IconZoomOut, IconZoomReset } from "@tabler/icons-react";
import { type ReactNode, useRef, useState } from "react";
import { notify, notifyError } from "../../shell/notifications.ts";
import classes from "./history.module.css";

/** A part of the x axis; null: all of it. */
export type Zoom = readonly [number, number] | null;

export type ChartFrameProps = {
  title: string;
  /** The whole x axis, to zoom in; null where there is nothing to zoom. */
  extent: readonly [number, number] | null;
  csv: () => string;
  /** In pixels. */
  height?: number;
  children: (size: { width: number; height: number }, zoom: Zoom, setZoom: (zoom: Zoom) => void) => ReactNode;
};

export const CHART_HEIGHT = 180;

export function ChartFrame({ title, extent, csv, height = CHART_HEIGHT, children }: ChartFrameProps) {
  const { ref, width } = useElementSize<HTMLDivElement>();
  const figure = useRef<HTMLElement>(null);
  const [zoom, setZoom] = useState<Zoom>(null);
  const scale = (factor: number) => {
    if (extent === null) return;
    const [from, to] = zoom ?? extent;
    const [middle, half] = [(from + to) / 2, ((to - from) / 2) * factor];
    const next: Zoom = [Math.max(extent[0], middle - half), Math.min(extent[1], middle + half)];
    setZoom(next[0] <= extent[0] && next[1] >= extent[1] ? null : next);
  };
  const button = (label: string, Icon: typeof IconPhoto, run: () => void, disabled = false) => (
    <ActionIcon aria-label={`${label}: ${title}`} title={label} onClick={run} disabled={disabled}>
      <Icon size="1em" aria-hidden />
    </ActionIcon>
  );
  return (
    <figure ref={figure} className={classes.chart} aria-label={title}>
      <figcaption>
        <h3 className={classes.title}>{title}</h3>
        <span className={classes.spring} />
        {extent !== null && (
          <>
            {button("Zoom in", IconZoomIn, () => scale(0.5))}
            {button("Zoom out", IconZoomOut, () => scale(2), zoom === null)}
            {button("Show all", IconZoomReset, () => setZoom(null), zoom === null)}
          </>
        )}
        {button("Copy as CSV", IconTable, () => void copyText(csv()))}
        {button("Copy as image", IconPhoto, () => void copyImage(figure.current))}
      </figcaption>
      <div ref={ref}>{width > 0 && children({ width, height }, zoom, setZoom)}</div>
    </figure>
  );
}

type ChartPointer = { activeLabel?: string | number | undefined };

/** Drawing a part of the x axis with the mouse zooms to it. `dragged`: its two ends as they are drawn. */
export function useDragZoom(setZoom: (zoom: Zoom) => void) {
  const [dragged, setDragged] = useState<readonly [number, number] | null>(null);
  const from = useRef<number | null>(null);
  const placeOf = ({ activeLabel }: ChartPointer) => (activeLabel === undefined ? null : Number(activeLabel));
  const handlers = {
    onMouseDown: (pointer: ChartPointer) => {
      from.current = placeOf(pointer);
    },
    onMouseMove: (pointer: ChartPointer) => {
      const to = placeOf(pointer);
      if (from.current !== null && to !== null && to !== from.current) setDragged([from.current, to]);
    },
    onMouseUp: () => {
      if (dragged !== null) setZoom([Math.min(...dragged), Math.max(...dragged)]);
      setDragged(null);
      from.current = null;
    },
  };
  return { dragged, handlers };
}

async function copyText(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    notify({ kind: "info", title: "Copied as CSV", key: "chart-copied" });
  } catch (thrown) {
    notifyError(thrown, "Nothing was copied: the browser did not allow it.");
  }
}

async function copyImage(element: HTMLElement | null): Promise<void> {
  const svg = element?.querySelector<SVGSVGElement>("svg.recharts-surface");
  if (svg === null || svg === undefined) return;
  try {
    await navigator.clipboard.write([new ClipboardItem({ "image/png": imageOf(svg) })]);
    notify({ kind: "info", title: "Copied as an image", key: "chart-copied" });
  } catch (thrown) {
    notifyError(thrown, "Nothing was copied: the browser did not allow it.");
  }
}

const DRAWN = [
  "fill",
  "stroke",
  "stroke-width",
  "stroke-dasharray",
  "opacity",
  "font-size",
  "font-family",
  "text-anchor",
];

/** The chart as PNG on the window's own ground, twice as fine as on the screen. */
async function imageOf(svg: SVGSVGElement): Promise<Blob> {
  const { width, height } = svg.getBoundingClientRect();
  const copy = svg.cloneNode(true) as SVGSVGElement;
  // Variables and classes mean nothing outside of the page: the values go along.
  const originals = svg.querySelectorAll<SVGElement>("*");
  copy.querySelectorAll<SVGElement>("*").forEach((element, index) => {
    const original = originals[index];
    if (original === undefined) return;
    const style = getComputedStyle(original);
    for (const property of DRAWN) element.style.setProperty(property, style.getPropertyValue(property));
  });
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(new XMLSerializer().serializeToString(copy))}`;
  await image.decode();
  const canvas = document.createElement("canvas");
  const fine = 2;
  canvas.width = Math.ceil(width * fine);
  canvas.height = Math.ceil(height * fine);
  const context = canvas.getContext("2d");
  if (context === null) throw new Error("The browser has no canvas.");
  context.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--surface");
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob === null ? reject(new Error("The image could not be made.")) : resolve(blob)));
  });
}
