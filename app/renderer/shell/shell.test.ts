import { afterEach, expect, test, vi } from "vitest";
import {
  type Command,
  commandFor,
  type KeyPress,
  registerCommands,
  reportCommandFailures,
  runCommand,
  shownShortcut,
} from "./commands.ts";
import { ARRANGEMENTS, isUsableLayout } from "./layout.ts";
import { dismiss, notifications, notify, notifyError } from "./notifications.ts";
import type { QuickItem } from "./quick-input.ts";
import { ranked } from "./ranking.ts";
import { freshTarget, requestSimulation, selection, takeStartRequest } from "./selection.ts";
import { appearanceOf, nextZoom } from "./theme.ts";

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
  notifications.setState({ shown: [] });
});

const command = (id: string, more: Partial<Command> = {}): Command => ({
  id,
  title: id,
  category: "Test",
  run: () => undefined,
  ...more,
});

function press(keys: string, more: Partial<KeyPress> = {}): KeyPress {
  const parts = keys.split("+");
  const key = parts.at(-1) ?? "";
  return {
    key,
    code: /^[a-z]$/i.test(key) ? `Key${key.toUpperCase()}` : key,
    ctrlKey: parts.includes("Ctrl"),
    metaKey: parts.includes("Meta"),
    shiftKey: parts.includes("Shift"),
    altKey: parts.includes("Alt"),
    ...more,
  };
}

test("finds the command of a key press", () => {
  cleanups.push(
    registerCommands(
      command("save", { shortcuts: ["Ctrl+S"] }),
      command("palette", { shortcuts: ["Ctrl+Shift+P", "F1"] }),
      command("zoomIn", { shortcuts: ["Ctrl+="] }),
      command("off", { shortcuts: ["F9"], when: () => false }),
    ),
  );
  const found = (pressed: KeyPress, isMac = false) => commandFor(pressed, isMac)?.id ?? null;
  expect([
    found(press("Ctrl+s")),
    found(press("Ctrl+Shift+P")),
    found(press("F1")),
    found(press("s")),
    found(press("Ctrl+Alt+s")),
    found(press("F9")),
    // A keyboard whose "=" needs Shift.
    found(press("Ctrl+Shift+=")),
    // A keyboard with other letters: the place of the key decides.
    found(press("Ctrl+\u044b", { code: "KeyS" })),
    found(press("Ctrl+s"), true),
    found(press("Meta+s"), true),
  ]).toEqual(["save", "palette", "palette", null, null, null, "zoomIn", "save", null, "save"]);
});

test("refuses two commands of one name, and forgets those taken away", () => {
  const remove = registerCommands(command("one"));
  expect(() => registerCommands(command("one"))).toThrow("There are two commands one.");
  remove();
  expect(runCommand("one")).toBe(false);
});

test("tells where a command fails", async () => {
  const failed = Promise.withResolvers<unknown>();
  reportCommandFailures(failed.resolve);
  const error = new Error("No.");
  cleanups.push(registerCommands(command("fails", { run: () => Promise.reject(error) })));
  expect(runCommand("fails")).toBe(true);
  expect(await failed.promise).toBe(error);
});

test("writes shortcuts as they are on the keys", () => {
  expect([shownShortcut("Ctrl+Shift+P", false), shownShortcut("Ctrl+Shift+P", true)]).toEqual([
    "Ctrl+Shift+P",
    "\u2318\u21e7P",
  ]);
});

test("ranks what fits best first, and shows all while nothing is typed", () => {
  const item = (title: string, detail = ""): QuickItem => ({ id: title, title, detail, run: () => undefined });
  const items = [item("Zoom in", "View"), item("Save", "Editor"), item("Save all", "Editor"), item("train_fsdp.py")];
  const titles = (query: string) => ranked(items, query).map(({ title }) => title);
  expect([titles(""), titles("save"), titles("fsdp"), titles("qqq")]).toEqual([
    ["Zoom in", "Save", "Save all", "train_fsdp.py"],
    ["Save", "Save all"],
    ["train_fsdp.py"],
    [],
  ]);
});

test("shows at most five notifications, and one of a key", () => {
  for (let number = 1; number <= 6; number += 1) notify({ kind: "info", title: `${number}` });
  notify({ kind: "warning", title: "again", key: "k" });
  const id = notify({ kind: "warning", title: "again, later", key: "k" });
  const titles = () => notifications.getState().shown.map(({ title }) => title);
  expect(titles()).toEqual(["3", "4", "5", "6", "again, later"]);
  dismiss(id);
  expect(titles()).toEqual(["3", "4", "5", "6"]);
});

test("keeps errors and questions until they are closed", () => {
  notify({ kind: "info", title: "done" });
  notify({ kind: "info", title: "deleted", actions: [{ label: "Undo", run: () => undefined }] });
  notifyError(new Error("boom"));
  expect(notifications.getState().shown.map(({ title, timeoutMs }) => [title, timeoutMs])).toEqual([
    ["done", 8000],
    ["deleted", null],
    ["Crusader itself failed.", null],
  ]);
});

test("judges what was picked, brought up to date, once for each request", async () => {
  const saved = { target: { kind: "template", name: "fsdp" } as const, title: "fsdp.py", origin: "" };
  const refresh = vi.fn(async () => ({ ...saved, title: "saved" }));
  const stale = { target: { kind: "template", name: "ddp" } as const, title: "ddp.py", origin: "", refresh };
  requestSimulation(stale);
  expect([takeStartRequest(), takeStartRequest()]).toEqual([true, false]);
  expect(selection.getState().target).toBe(stale);
  expect([await freshTarget(stale), await freshTarget(saved)]).toEqual([saved.target, saved.target]);
});

test("uses a saved layout only when all its panels still exist", () => {
  const known = ["editor", "result"];
  const saved = (...ids: string[]) => ({ grid: {}, panels: Object.fromEntries(ids.map((id) => [id, {}])) });
  expect(
    [saved("editor"), saved("editor", "gone"), saved(), null, { panels: [] }, "x"].map((one) =>
      isUsableLayout(one, known),
    ),
  ).toEqual([true, false, false, false, false, false]);
});

test("brings only panels to the front that an arrangement opens", () => {
  for (const { panels, front } of Object.values(ARRANGEMENTS)) {
    expect(front.filter((id) => !panels.includes(id))).toEqual([]);
  }
});

test("follows the system only where nothing was chosen", () => {
  const system = { dark: true, moreContrast: false };
  expect([
    appearanceOf("system", system),
    appearanceOf("light", system),
    appearanceOf("system", { dark: false, moreContrast: true }),
    appearanceOf("system", { dark: false, moreContrast: false }),
  ]).toEqual(["dark", "light", "high-contrast", "light"]);
});

test("zooms in the usual steps and stops at the ends", () => {
  expect([nextZoom(100, 1), nextZoom(100, -1), nextZoom(300, 1), nextZoom(50, -1), nextZoom(97, 1)]).toEqual([
    110, 90, 300, 50, 100,
  ]);
});
