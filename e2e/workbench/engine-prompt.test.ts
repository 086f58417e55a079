/** What ssh asks on its way to an engine, answered in the window. That it is ssh who asks: services/engine/ssh.test.ts. */
import { expect, test } from "vitest";
import { barriers, settled } from "./harness.ts";
import { inBrowser } from "./in-browser.ts";

const { start } = inBrowser();

const HOST_KEY = `The authenticity of host 'box (192.0.2.7)' can't be established.
ED25519 key fingerprint is SHA256:Q0Xp3rM9sY1kq0l8wJ0T6nY3p8r2u5vB7cD9eF1gH3k.
This key is not known by any other names.
Are you sure you want to continue connecting (yes/no/[fingerprint])? `;

test("a passphrase is typed unseen, and goes to whoever asked", async () => {
  const workbench = await start();
  const page = await workbench.open();
  const { enginePrompts } = workbench.services;
  const open = new AbortController().signal;
  const question = { address: "ssh://box", kind: "secret" as const, text: "Enter passphrase for key '/home/me/key': " };
  const answer = enginePrompts.ask({ ...question, isRepeated: false }, open);
  const dialog = page.getByRole("dialog");
  await dialog.getByText("Enter passphrase for key '/home/me/key':").waitFor();
  const field = dialog.getByLabel("Answer");
  await settled(() => field.evaluate((input) => input.matches(":focus"))).toBe(true);
  expect([await field.getAttribute("type"), await barriers(page)]).toEqual(["password", []]);
  await page.keyboard.type("a phrase");
  await page.keyboard.press("Enter");
  expect(await answer).toBe("a phrase");
  await dialog.waitFor({ state: "detached" });

  const again = enginePrompts.ask({ ...question, isRepeated: true }, open);
  await dialog.getByText("The answer was not right.").waitFor();
  await page.keyboard.press("Escape");
  expect(await again).toBeNull();
  await dialog.waitFor({ state: "detached" });
  expect(workbench.complaints).toEqual([]);
});

test("an unknown host key is shown in full, and Enter alone does not accept it", async () => {
  const workbench = await start();
  const [page, other] = [await workbench.open(), await workbench.open()];
  const { enginePrompts } = workbench.services;
  const question = { address: "ssh://box", kind: "confirm" as const, text: HOST_KEY, isRepeated: false };
  const open = new AbortController().signal;
  const declined = enginePrompts.ask(question, open);
  const dialog = page.getByRole("dialog");
  await dialog.getByText("SHA256:Q0Xp3rM9sY1kq0l8wJ0T6nY3p8r2u5vB7cD9eF1gH3k").waitFor();
  expect(await barriers(page)).toEqual([]);
  const decline = dialog.getByRole("button", { name: "Decline" }).last();
  await settled(() => decline.evaluate((button) => button.matches(":focus"))).toBe(true);
  await page.keyboard.press("Enter");
  expect(await declined).toBeNull();
  // The other window knows that it is over.
  await other.getByRole("dialog").waitFor({ state: "detached" });

  const accepted = enginePrompts.ask(question, open);
  await dialog.getByRole("button", { name: "Accept this key" }).click();
  expect(await accepted).toBe("yes");

  const ending = new AbortController();
  const withdrawn = enginePrompts.ask(question, ending.signal);
  await dialog.getByRole("button", { name: "Accept this key" }).waitFor();
  ending.abort();
  expect(await withdrawn).toBeNull();
  await dialog.waitFor({ state: "detached" });
  expect(workbench.complaints).toEqual([]);
});
