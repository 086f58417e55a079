import { expect, test } from "vitest";
import { openedPaths } from "./opened-paths.ts";

test("paths of a command line, without the program and its options", () => {
  expect(openedPaths(["/opt/Crusader/crusader", "--no-sandbox", "a.py", "/b/c.py"], "/code", true)).toEqual([
    "/code/a.py",
    "/b/c.py",
  ]);
  expect(openedPaths(["electron", "--inspect", ".", "../a.py"], "/code/x", false)).toEqual(["/code/a.py"]);
  expect(openedPaths(["electron", "."], "/code", false)).toEqual([]);
});

test.skipIf(process.platform === "win32")("addresses of files, as Linux desktops give them", () => {
  const given = ["file:///b/my%20train.py", "file://elsewhere/b.py", "file:///a%2Fb.py", "file:///%zz"];
  expect(openedPaths(["/opt/Crusader/crusader", ...given], "/code", true)).toEqual(["/b/my train.py"]);
});
