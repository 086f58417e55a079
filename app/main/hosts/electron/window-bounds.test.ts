import { expect, test } from "vitest";
import { openingBounds } from "./window-bounds.ts";

const laptop = { x: 0, y: 25, width: 1512, height: 900 };
const external = { x: 1512, y: 0, width: 2560, height: 1440 };

test("the first window is centred on the primary screen", () => {
  expect(openingBounds(null, [laptop])).toEqual({ x: 36, y: 25, width: 1440, height: 900 });
  const small = { x: 0, y: 0, width: 1024, height: 700 };
  expect(openingBounds(null, [small])).toEqual(small);
});

test("it opens where it was, also on the second screen and partly outside", () => {
  const there = { x: 2000, y: 100, width: 1600, height: 1000 };
  expect(openingBounds(there, [laptop, external])).toEqual(there);
  const atTheEdge = { x: 1300, y: 40, width: 900, height: 700 };
  expect(openingBounds(atTheEdge, [laptop])).toEqual(atTheEdge);
});

test("it is centred again when its screen is gone, or its title bar out of reach", () => {
  const there = { x: 2000, y: 100, width: 1600, height: 1000 };
  expect(openingBounds(there, [laptop])).toEqual({ x: 0, y: 25, width: 1512, height: 900 });
  for (const lost of [
    { x: 100, y: -300, width: 800, height: 600 },
    { x: 100, y: 920, width: 800, height: 600 },
    { x: 1480, y: 40, width: 800, height: 600 },
    { x: -760, y: 40, width: 800, height: 600 },
  ]) {
    expect(openingBounds(lost, [laptop])).toEqual({ x: 356, y: 175, width: 800, height: 600 });
  }
});

test("it is never smaller than usable, nor larger than its screen", () => {
  expect(openingBounds({ x: 10, y: 30, width: 1, height: 1 }, [laptop])).toMatchObject({ width: 640, height: 480 });
  expect(openingBounds({ x: 10, y: 30, width: 9000, height: 9000 }, [laptop])).toMatchObject({
    width: 1512,
    height: 900,
  });
});
