/** What a run's MFU is made of, and what other numbers would give. */
import { expect, test } from "vitest";
import { command, panel } from "./harness.ts";
import { inBrowser } from "./in-browser.ts";
import { writeMfuRun } from "./sample-history.ts";

const OTHER_GPU = "on 4 x NVIDIA H200: the leaderboard's scores are of A100s with 80 GB";
const { start } = inBrowser();

test("the formula has the run's numbers; times and the leader's score can be tried", async () => {
  const workbench = await start({
    prepare: (dataFolder) => {
      writeMfuRun(dataFolder, 1, []);
      writeMfuRun(dataFolder, 2, [OTHER_GPU], undefined, "NVIDIA H200");
    },
  });
  const page = await workbench.open();
  await command(page, "Layout: Understand a run");
  await panel(page, "history").locator('[data-run="1"]').dblclick();
  const result = panel(page, "result");
  await result.getByRole("heading", { name: /^Run 1 / }).waitFor();
  const mfu = result.getByRole("region", { name: "MFU" });
  expect(await mfu.getByRole("math").textContent()).toBe(
    "100 x 6 x 7,615,616,512 parameters x 1,310,720 tokens / (312 x 1012 FLOP/s x 4 GPUs x 78.42 s) = 61.20 %",
  );
  const answers = mfu.getByRole("status");
  expect(await answers.allTextContents()).toEqual(["MFU 61.20 %", "80.0 s (+1.99 % against this run)", ""]);
  await mfu.getByLabel("If it took, in seconds").fill("96");
  await mfu.getByLabel("For an MFU of, in %").fill("65");
  await mfu.getByLabel("To beat a leader at, in %").fill("61.2");
  expect(await mfu.getByLabel("with today's threshold, in %").inputValue()).toBe("1");
  expect(await answers.allTextContents()).toEqual([
    "MFU 49.99 %, rejected: insufficient_mfu, under 50.00 %",
    "73.8 s (-5.85 % against this run)",
    "More than 61.81 % is needed: less than 77.6 s (-1.00 % against this run)",
  ]);
  await mfu.getByLabel("with today's threshold, in %").fill("70");
  expect((await answers.allTextContents()).at(-1)).toBe("No MFU beats that: it would take 104.04 %.");
  expect(await mfu.getByText(/Not a score of the leaderboard|^By the/).count()).toBe(0);

  await panel(page, "history").locator('[data-run="2"]').dblclick();
  await result.getByRole("heading", { name: /^Run 2 / }).waitFor();
  await mfu.getByText(`Not a score of the leaderboard: ${OTHER_GPU}.`).waitFor();
  expect(await mfu.getByText(/^By the/).textContent()).toBe(
    "By the 989 TFLOP/s that these GPUs can do themselves: 19.31 %, which compares with no score.",
  );
  await result.getByRole("row", { name: "GPUs 4 x NVIDIA H200" }).waitFor();
  expect(workbench.complaints).toEqual([]);
});
