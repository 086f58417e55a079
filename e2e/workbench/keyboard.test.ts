/** The whole loop without a mouse: wherever a key leads, the focus is somewhere, in sight, and where one would look for it. */
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { command, expectShown, panel, putFile, settled, tab } from "./harness.ts";
import { inBrowser } from "./in-browser.ts";
import { writeSampleHistory } from "./sample-history.ts";

const RUNS = 6;
const ALIASED = `import torch as t


def get_strategy():
    return {"dp_size": 2, "tp_size": 1}


def inner_steps(model, data_iterator, optimizer, num_steps, device, num_gpus=1):
    return t.zeros(1)
`;

const { start } = inBrowser();

/** "history: row 5": the panel, then the role and the name; "nowhere" where no key would do anything. */
const place = (page: Page): Promise<string> =>
  page.evaluate(`(() => {
    const focused = document.activeElement;
    if (focused === null || focused === document.body) return "nowhere";
    if (!focused.checkVisibility({ visibilityProperty: true })) return "out of sight";
    const part = focused.closest("[data-panel]")?.dataset.panel ?? (focused.closest("[role=dialog]") ? "dialog" : "window");
    if (focused.dataset.panel !== undefined) return part;
    const role = focused.getAttribute("role") ?? { BUTTON: "button", INPUT: "input" }[focused.tagName] ?? focused.tagName;
    const name = focused.dataset.run ?? focused.getAttribute("aria-label") ?? focused.textContent.trim();
    return part + ": " + role + " " + name;
  })()`);

const focusIs = (page: Page, expected: string | RegExp) => settled(() => place(page)).toMatch(expected);

async function goToFile(page: Page, name: string): Promise<void> {
  await page.keyboard.press("Control+P");
  await page.getByRole("combobox", { name: "Go to file" }).fill(name);
  await page.getByRole("option", { name }).waitFor();
  await page.keyboard.press("Enter");
  await focusIs(page, `editor: textbox ${name}`);
}

/** What is drawn round what has the focus. */
const ring = (page: Page): Promise<string> =>
  page.evaluate(`(() => {
    const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement, "::after");
    return outlineStyle + " " + outlineWidth;
  })()`);

test("edit, problem, quick fix, simulate, result: the focus goes along and is never lost", async () => {
  const workbench = await start();
  putFile(workbench, "aliased.py", ALIASED);
  putFile(workbench, "script.py", "pass");
  const page = await workbench.open();
  await goToFile(page, "aliased.py");
  await tab(page, "stops at line 1").waitFor();
  await page.keyboard.press("F8");
  await page.locator(".zone-widget").getByText("Production stops here").waitFor();
  await page.keyboard.press("Escape");
  await focusIs(page, "editor: textbox aliased.py");
  // To the list of problems, and to the button of the first one's repair, which goes with its problem.
  await page.keyboard.press("Control+Shift+M");
  await focusIs(page, /^problems: button 1\s*rejected/);
  await page.keyboard.press("Tab");
  await focusIs(page, /^problems: button .*torch/);
  await page.keyboard.press("Enter");
  await expectShown(page, "torch.zeros(1)");
  await tab(page, "aliased.py").filter({ hasText: "passes" }).waitFor();
  await focusIs(page, /^problems/);

  await goToFile(page, "script.py");
  await page.keyboard.press("Control+Enter");
  await panel(page, "result").getByText("Passed").first().waitFor();
  await focusIs(page, "editor: textbox script.py");
  await page.keyboard.press("Control+Shift+3");
  await focusIs(page, /^result$/);
  await page.keyboard.press("Tab");
  await focusIs(page, /^result: button/);

  // Around the panels and back, to where one was in each.
  await page.keyboard.press("F6");
  await focusIs(page, /^explorer/);
  await page.keyboard.press("F6");
  await focusIs(page, "editor: textbox script.py");
  await page.keyboard.press("Shift+F6");
  await page.keyboard.press("Shift+F6");
  await focusIs(page, /^result: button/);

  await page.keyboard.press("Control+Alt+N");
  await page.getByRole("option", { name: /^single/ }).waitFor();
  await page.keyboard.press("Enter");
  await focusIs(page, /^editor: textbox train_/);

  // The keys of the tabs are the window's inside of the text, too.
  await goToFile(page, "aliased.py");
  await page.keyboard.press("Alt+PageDown");
  await focusIs(page, "editor: textbox script.py");
  await page.keyboard.press("Alt+W");
  await tab(page, "script.py").waitFor({ state: "detached" });
  await focusIs(page, /^editor: textbox (aliased|train_)/);
  await page.keyboard.press("Alt+W");
  await page.keyboard.press("Alt+W");
  await panel(page, "editor").getByRole("heading", { name: "This machine" }).waitFor();
  await focusIs(page, /^editor$/);

  await command(page, "Show Topology");
  await focusIs(page, /^topology/);
  await page.keyboard.press("Alt+Shift+W");
  await panel(page, "topology").waitFor({ state: "detached" });
  await focusIs(page, /^(explorer|editor|simulation|result|problems)/);
  await command(page, "Layout: Edit only");
  await focusIs(page, /^(explorer|editor|problems)/);
  expect(workbench.complaints).toEqual([]);
});

test("history, compare, delete, undo, import, validator source: the focus goes along and is never lost", async () => {
  const workbench = await start({ prepare: (dataFolder) => writeSampleHistory(dataFolder, RUNS) });
  putFile(workbench, "script.py", "polite");
  const page = await workbench.open();
  await page.keyboard.press("Control+Shift+4");
  await focusIs(page, "history: row 6");
  await page.keyboard.press("Space");
  await page.keyboard.press("Control+ArrowDown");
  await page.keyboard.press("Space");
  await focusIs(page, "history: row 5");
  await page.keyboard.press("c");
  await focusIs(page, /^compare/);
  await page.keyboard.press("Control+Shift+4");
  await focusIs(page, "history: row 5");
  await page.keyboard.press("Enter");
  await focusIs(page, /^result/);
  await page.keyboard.press("Control+Shift+4");
  await page.keyboard.press("ArrowDown");
  await focusIs(page, "history: row 4");
  await page.keyboard.press("Delete");
  await focusIs(page, "history: row 3");
  await page.keyboard.press("Alt+N");
  await focusIs(page, "window: button Undo");
  await page.keyboard.press("Enter");
  await panel(page, "history").locator('[data-run="4"]').waitFor();
  await focusIs(page, "history: row 3");

  // A dialog that a menu opened gives the focus back to the menu's button.
  const importing = panel(page, "history").getByRole("button", { name: "Import" });
  await importing.focus();
  await page.keyboard.press("Enter");
  await focusIs(page, /menuitem Import an exported run/);
  await page.keyboard.press("Enter");
  await focusIs(page, /^dialog/);
  await page.keyboard.press("Escape");
  await focusIs(page, "history: button Import");
  await panel(page, "history").getByRole("button", { name: "Prune" }).focus();
  await page.keyboard.press("Enter");
  await focusIs(page, /^dialog/);
  await page.keyboard.press("Escape");
  await focusIs(page, "history: button Prune");

  await page.keyboard.press("Control+Shift+6");
  await focusIs(page, /^production$/);
  await panel(page, "production").getByRole("form").waitFor();
  await page.keyboard.press("Tab");
  await focusIs(page, "production: input");

  // What asks for something further has the focus at once.
  await goToFile(page, "script.py");
  await command(page, "Compare the open file with what a run");
  await focusIs(page, "dialog: combobox Compare script.py with a run");
  await page.keyboard.press("Escape");
  await focusIs(page, "editor: textbox script.py");

  // A button that goes with what it ended.
  await page.keyboard.press("Control+Enter");
  const simulation = panel(page, "simulation");
  const cancel = simulation.getByRole("button", { name: "Cancel", exact: true });
  await cancel.focus();
  await page.keyboard.press("Enter");
  await simulation.getByText("Cancelled").first().waitFor();
  await focusIs(page, /^simulation/);
  expect(workbench.complaints).toEqual([]);
});

test("a file that is deleted leaves the focus to the next one, and the tabs of the panels show it", async () => {
  const workbench = await start();
  for (const name of ["a.py", "b.py", "c.py"]) putFile(workbench, name, "pass");
  const page = await workbench.open();
  await page.keyboard.press("Control+Shift+E");
  await focusIs(page, "explorer: button a.py");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Delete");
  await focusIs(page, "explorer: button c.py");
  await panel(page, "explorer").getByRole("button", { name: "b.py", exact: true }).waitFor({ state: "detached" });
  await focusIs(page, "explorer: button c.py");
  await page.keyboard.press("Shift+F6");
  await page.keyboard.press("F6");
  await focusIs(page, "explorer: button c.py");

  await page.getByRole("tab", { name: "Explorer" }).focus();
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Tab");
  await focusIs(page, "window: tab Explorer");
  expect(await ring(page)).toBe("solid 2px");
  expect(workbench.complaints).toEqual([]);
});
