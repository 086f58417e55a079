import { readFileSync } from "node:fs";
import type { MenuItemConstructorOptions } from "electron";
import { expect, test } from "vitest";
import { type MenuActions, menuTemplate } from "./menu-template.ts";

function bench(platform: NodeJS.Platform, recent = [{ id: "f1", name: "a&b", location: "~/a&b" }]) {
  const done: string[] = [];
  const actions: MenuActions = {
    command: (id) => done.push(id),
    openFile: () => done.push("open file"),
    openFolder: () => done.push("open folder"),
    openRecent: (id) => done.push(`open ${id}`),
  };
  const items = (template: MenuItemConstructorOptions[]): MenuItemConstructorOptions[] =>
    template.flatMap((item) => [item, ...items(Array.isArray(item.submenu) ? item.submenu : [])]);
  const template = menuTemplate(platform, recent, actions);
  return { done, template, items: items(template) };
}

const click = (item: MenuItemConstructorOptions | undefined) => (item?.click as (() => void) | undefined)?.();

test("every command of the menu is one of the window's", () => {
  const { items, done } = bench("linux");
  const source = ["app-commands.ts", "features/simulation/commands.ts"]
    .map((file) => readFileSync(new URL(`../../../renderer/${file}`, import.meta.url), "utf8"))
    .join("");
  const ids = items.flatMap(({ id }) => id ?? []).filter((id) => !["file.open", "folder.open"].includes(id));
  expect(ids.length).toBeGreaterThan(10);
  expect(ids.filter((id) => !source.includes(`id: "${id}"`))).toEqual([]);
  for (const item of items.filter(({ id }) => id !== undefined && ids.includes(id))) click(item);
  expect(done).toEqual(ids);
});

test("no key is taken twice: the window has them", () => {
  const { items } = bench("win32");
  const taken = items.filter(({ accelerator, registerAccelerator }) => accelerator && registerAccelerator !== false);
  expect(taken).toEqual([]);
});

test("recent folders are shown as they are called, and opened by their id", () => {
  const { items, done } = bench("linux");
  const recent = items.find(({ label }) => label === "a&&b  (~/a&&b)");
  click(recent);
  expect(done).toEqual(["open f1"]);
  expect(bench("linux", []).items.find(({ label }) => label === "Open Recent Folder")).toMatchObject({
    enabled: false,
  });
});

test("a Mac has the app's own menu, with Quit in it", () => {
  const mac = bench("darwin");
  const linux = bench("linux");
  const roles = ({ items }: typeof mac) => items.flatMap(({ role }) => role ?? []);
  expect(mac.template[0]).toEqual({ role: "appMenu" });
  expect(roles(mac)).not.toContain("quit");
  expect(roles(linux)).toContain("quit");
});
