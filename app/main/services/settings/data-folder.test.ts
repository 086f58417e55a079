import { expect, test } from "vitest";
import { dataFolder } from "./data-folder.ts";

test.each<[NodeJS.Platform, NodeJS.ProcessEnv, string]>([
  ["linux", { HOME: "/home/a" }, "/home/a/.local/share/crusader"],
  ["linux", { HOME: "/home/a", CRUSADER_HOME: "" }, "/home/a/.local/share/crusader"],
  ["linux", { HOME: "/home/a", CRUSADER_HOME: "/data/crusader" }, "/data/crusader"],
  ["darwin", { HOME: "/Users/a" }, "/Users/a/Library/Application Support/Crusader"],
  ["win32", { APPDATA: "C:\\Users\\a\\AppData\\Roaming" }, "C:\\Users\\a\\AppData\\Roaming\\Crusader"],
  ["win32", { USERPROFILE: "C:\\Users\\a" }, "C:\\Users\\a\\AppData\\Roaming\\Crusader"],
  ["win32", { CRUSADER_HOME: "D:\\crusader" }, "D:\\crusader"],
])("on %s with %j", (platform, env, folder) => {
  expect(dataFolder(env, platform)).toBe(folder);
});
