/** What the machine's own parts can do: that `docker` is a real engine and `chromium` a real browser. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { findBrowser, findDocker } from "../scripts/machine.mjs";

function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), "crusader-machine-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

test("a Docker engine imports an image and runs it without a network", (context) => {
  const docker = findDocker();
  if ("missing" in docker) return context.skip(`needs docker: ${docker.missing}`);
  const busybox = ["/bin/busybox", "/usr/bin/busybox"].find(isStatic);
  if (busybox === undefined)
    return context.skip("needs docker: no static busybox for the image (Debian: busybox-static)");

  const image = `crusader-machine-test:${process.pid}`;
  const tar = path.join(temporaryFolder(), "image.tar");
  execFileSync("tar", ["-cf", tar, "-C", "/", busybox.slice(1)]);
  execFileSync(docker.program, ["import", tar, image]);
  onTestFinished(() => void execFileSync(docker.program, ["image", "rm", "--force", image]));
  const script = "echo $((6 * 7)); ls /sys/class/net 2>/dev/null || echo none";
  const args = ["run", "--rm", "--network", "none", image, busybox, "sh", "-c", script];
  expect(execFileSync(docker.program, args, { encoding: "utf8" }).trim().split(/\s+/)).toEqual([
    "42",
    expect.any(String),
  ]);
});

/** Only a program that needs no loader (an .interp section names it) runs in an image that has nothing else. */
function isStatic(file: string): boolean {
  return existsSync(file) && !readFileSync(file).includes("\0.interp\0");
}

test("a browser renders a page", (context) => {
  const browser = findBrowser();
  if ("missing" in browser) return context.skip(`needs browser: ${browser.missing}`);
  const page = "data:text/html,<p id=sum></p><script>document.all.sum.textContent=6*7</script>";
  const flags = [
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    // Chromium refuses to run as root with its sandbox.
    ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
    `--user-data-dir=${temporaryFolder()}`,
  ];
  const html = execFileSync(browser.program, [...flags, "--dump-dom", page], {
    encoding: "utf8",
    timeout: 50_000,
    // Chromium complains about services that a machine without a screen lacks; a failure still shows it.
    stdio: "pipe",
  });
  expect(html).toContain('<p id="sum">42</p>');
});
