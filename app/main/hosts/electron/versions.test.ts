import { expect, test } from "vitest";
import electronPackage from "../../../../node_modules/electron/package.json" with { type: "json" };
import { versionProblem } from "./versions.ts";

test("the Electron of package.json will do, older ones are named", () => {
  expect(versionProblem({ electron: electronPackage.version, node: process.versions.node })).toBeNull();
  expect(versionProblem({ electron: "44.9.9", node: "24.1.0" })).toBe("Crusader needs Electron 45; this is 44.9.9.");
  expect(versionProblem({ electron: "45.0.0", node: "22.1.0" })).toMatch(/needs Node 24/);
  expect(versionProblem({ node: "24.1.0" })).toMatch(/npm start/);
});
