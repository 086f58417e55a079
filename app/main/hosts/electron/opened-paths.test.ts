import { expect, test } from "vitest";
import { openedPaths } from "./opened-paths.ts";

test("paths of a command line, without the program and its options", () => {
  expect(openedPaths(["/opt/Crusader/crusader", "--no-sandbox", "a.py", "/b/c.py"], "/work", true)).toEqual([
    "/work/a.py",
    "/b/c.py",
  ]);
  expect(openedPaths(["electron", "--inspect", ".", "../a.py"], "/work/x", false)).toEqual(["/work/a.py"]);
  expect(openedPaths(["electron", "."], "/work", false)).toEqual([]);
});
