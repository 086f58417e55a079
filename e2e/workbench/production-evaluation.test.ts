/** Runs that production's own code judged: said beside the verdict, in the history, and where runs are compared. */
import { join } from "node:path";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { productionText } from "../../app/common/format.ts";
import { barriers, command, panel } from "./harness.ts";
import { inBrowser } from "./in-browser.ts";
import { writeMfuRun } from "./sample-history.ts";

const { start } = inBrowser();
const REVISION = "abc1234";
const TEXT = productionText({ revision: { id: REVISION.padEnd(40, "0"), label: REVISION }, files: [] });

async function picture(page: Page, name: string): Promise<void> {
  const { CRUSADER_PICTURES: folder } = process.env;
  if (folder !== undefined) await page.screenshot({ path: join(folder, `${name}.png`), animations: "disabled" });
}

test.each(["light", "dark"])(
  "whose code judged is said, filtered by, and no score of Crusader's: %s",
  async (theme) => {
    const workbench = await start({
      prepare: (dataFolder) => {
        writeMfuRun(dataFolder, 1, []);
        writeMfuRun(dataFolder, 2, [TEXT], REVISION);
      },
    });
    const page = await workbench.open();
    await command(page, `Theme: ${theme}`);
    await command(page, "Layout: Understand a run");
    const [history, result] = [panel(page, "history"), panel(page, "result")];
    await history.locator('[data-run="2"]').getByText(`production's ${REVISION}`).waitFor();
    await history.locator('[data-run="2"]').dblclick();
    await result.getByRole("heading", { name: `judged by production's env.py, revision ${REVISION}` }).waitFor();
    const reasons = result.getByRole("list", { name: "Why this is not a score" });
    expect(await reasons.textContent()).toBe(TEXT);
    const report = result.getByRole("table", { name: "Production's own report" });
    expect(await report.getByRole("row").allTextContents()).toEqual([
      "Whole evaluation412.5 s",
      "Total tokens327,680",
      "loss.value10.42",
      "note<b>not markup</b>",
    ]);
    await result.getByText("3 more were left out.").waitFor();
    const found = [await barriers(page)];
    await picture(page, `production-result-${theme}`);

    await history.getByRole("combobox", { name: "Evaluation" }).click();
    await page.getByRole("option", { name: "by production's code" }).click();
    await history.locator('[data-run="1"]').waitFor({ state: "detached" });
    await history.locator('[data-run="2"]').waitFor();
    found.push(await barriers(page));
    await picture(page, `production-history-${theme}`);
    expect({ found, complaints: workbench.complaints }).toEqual({ found: [[], []], complaints: [] });
  },
);
