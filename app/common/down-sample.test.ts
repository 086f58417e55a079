import { expect, test } from "vitest";
import { downSample } from "./down-sample.ts";

test("few points stay as they are", () => {
  const points = [
    { x: 0, y: 1 },
    { x: 5, y: 3 },
  ];
  expect(downSample(points, 100)).toEqual(points);
  expect(downSample([], 100)).toEqual([]);
});

test("many points keep every column's extremes, their order, and the ends", () => {
  const points = Array.from({ length: 10_000 }, (_value, x) => ({ x, y: Math.sin(x / 50) }));
  points[4321] = { x: 4321, y: 50 };
  points[8765] = { x: 8765, y: -50 };
  const sampled = downSample(points, 300);
  expect(sampled.length).toBeLessThanOrEqual(1200);
  expect(sampled).toEqual(sampled.toSorted((a, b) => a.x - b.x));
  expect(sampled).toEqual(expect.arrayContaining([points[0], points[4321], points[8765], points.at(-1)]));
});

test("points at one place keep their extremes", () => {
  const points = Array.from({ length: 1000 }, (_value, index) => ({ x: 7, y: index % 11 }));
  const ys = downSample(points, 10).map(({ y }) => y);
  expect([Math.min(...ys), Math.max(...ys), ys.length <= 4]).toEqual([0, 10, true]);
});
