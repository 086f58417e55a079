import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { CONTENT_SECURITY_POLICY, SANDBOX_POLICY } from "../../router/page.ts";
import { pageFiles } from "./page-files.ts";

function rendererFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "crusader-page-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, "renderer", "assets"), { recursive: true });
  writeFileSync(join(folder, "renderer", "index.html"), "<!doctype html>");
  writeFileSync(join(folder, "renderer", "assets", "a.js"), "export {};");
  writeFileSync(join(folder, "renderer", "assets", "sandbox-worker-0aZ_-9xy.js"), "export {};");
  writeFileSync(join(folder, "secret.txt"), "outside");
  return join(folder, "renderer");
}

test("the page and its files come with their type and the policy", async () => {
  const answer = pageFiles(rendererFolder());
  const page = await answer("GET", "crusader://app/");
  expect({ ...page, body: String(page.body) }).toMatchObject({
    status: 200,
    headers: { "content-type": "text/html; charset=utf-8", "content-security-policy": CONTENT_SECURITY_POLICY },
    body: "<!doctype html>",
  });
  expect(await answer("GET", "crusader://app/assets/a.js")).toMatchObject({
    status: 200,
    headers: { "content-type": "text/javascript; charset=utf-8", "x-content-type-options": "nosniff" },
  });
});

test("the worker for code of others comes with a policy that contains it", async () => {
  const { status, headers } = await pageFiles(rendererFolder())(
    "GET",
    "crusader://app/assets/sandbox-worker-0aZ_-9xy.js",
  );
  expect([status, headers["content-security-policy"]]).toEqual([200, SANDBOX_POLICY]);
});

test("nothing else is there, whatever it is called", async () => {
  const answer = pageFiles(rendererFolder());
  const addresses = [
    "crusader://app/../secret.txt",
    "crusader://app/assets/../../secret.txt",
    "crusader://app/%2e%2e/secret.txt",
    "crusader://app/..%2fsecret.txt",
    "crusader://app/..%5csecret.txt",
    "crusader://app//etc/passwd",
    "crusader://app/assets",
    "crusader://elsewhere/index.html",
    "file:///etc/passwd",
    "nonsense",
  ];
  const answers = await Promise.all(addresses.map((address) => answer("GET", address)));
  expect(answers.map(({ status }) => status)).toEqual(addresses.map(() => 404));
  expect((await answer("POST", "crusader://app/")).status).toBe(405);
});

test("without a built window it says what to do", () => {
  expect(() => pageFiles("/nowhere")).toThrow("The window is not built.");
});
