import { expect, test } from "vitest";
import { displayProblem } from "./desktop.mjs";

test("a window needs a screen of this machine, and a user whom Chromium's sandbox runs for", () => {
  expect(displayProblem("linux", { DISPLAY: ":0" }, 1000)).toBeNull();
  expect(displayProblem("linux", { WAYLAND_DISPLAY: "wayland-0" }, 1000)).toBeNull();
  expect(displayProblem("linux", {}, 1000)).toBe("there is no display");
  expect(displayProblem("linux", { DISPLAY: ":0" }, 0)).toMatch(/root/);
  expect(displayProblem("darwin", {}, 501)).toBeNull();
  expect(displayProblem("win32", {}, undefined)).toBeNull();
  for (const platform of ["linux", "darwin", "win32"] as const) {
    const env = { DISPLAY: "localhost:10.0", SSH_CONNECTION: "10.0.0.1 1 10.0.0.2 22" };
    expect(displayProblem(platform, env, 1000)).toMatch(/SSH/);
  }
});
