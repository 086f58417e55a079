import { expect, test } from "vitest";
import { DesktopService } from "./index.ts";

test("what is asked waits for a window, in order, and is taken once", async () => {
  const desktop = new DesktopService(null);
  desktop.ask({ kind: "command", id: "editor.save" });
  desktop.ask({ kind: "showRun", runId: "3" });
  const window = desktop.watch(undefined);
  expect((await window.next()).value).toEqual([
    { kind: "command", id: "editor.save" },
    { kind: "showRun", runId: "3" },
  ]);
  const next = window.next();
  desktop.ask({ kind: "command", id: "editor.close" });
  expect((await next).value).toEqual([{ kind: "command", id: "editor.close" }]);
  const controller = new AbortController();
  const second = desktop.watch(controller.signal);
  expect((await second.next()).value).toEqual([]);
  controller.abort();
  expect((await second.next()).done).toBe(true);
});

test("without a desktop there is no dialog", async () => {
  await expect(new DesktopService(null).choose("folder")).rejects.toMatchObject({ code: "unsupported" });
});
