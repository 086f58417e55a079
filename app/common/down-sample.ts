/** As many points as there are pixels, and none of the extremes lost: for what charts draw. Pure. */

export type Point = { x: number; y: number };

/**
 * At most four points a pixel column - its first, lowest, highest and last - in their order: what is drawn looks the same
 * as with all of them. `points` ascend in x.
 */
export function downSample<P extends Point>(points: readonly P[], columns: number): P[] {
  const first = points[0];
  const last = points.at(-1);
  if (first === undefined || last === undefined || points.length <= 2 * columns) return [...points];
  const width = (last.x - first.x) / columns;
  const sampled: P[] = [];
  for (let start = 0; start < points.length; ) {
    const from = points[start] as P;
    const column = columnOf(from.x, first.x, width, columns);
    let [lowest, highest, end] = [start, start, start];
    while (end + 1 < points.length && columnOf((points[end + 1] as P).x, first.x, width, columns) === column) {
      end += 1;
      if ((points[end] as P).y < (points[lowest] as P).y) lowest = end;
      if ((points[end] as P).y > (points[highest] as P).y) highest = end;
    }
    const kept = [...new Set([start, lowest, highest, end])].toSorted((a, b) => a - b);
    sampled.push(...kept.map((index) => points[index] as P));
    start = end + 1;
  }
  return sampled;
}

function columnOf(x: number, from: number, width: number, columns: number): number {
  return width === 0 ? 0 : Math.min(columns - 1, Math.floor((x - from) / width));
}
