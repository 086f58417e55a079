// `node scripts/icons.mjs`: draws build/icon.svg as the pictures that packages need, with the Chromium that tests use.
// They are checked in, so that packaging needs neither a browser nor the packager's own converter, a download.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { chromium } from "playwright-core";
import { ROOT, runScript, ScriptError } from "./bootstrap.mjs";
import { ICNS_SIZES, ICO_SIZES, icns, ico, LINUX_SIZES } from "./icon-files.mjs";
import { findBrowser } from "./machine.mjs";

await runScript(import.meta.url, async () => {
  const browser = findBrowser();
  if ("missing" in browser) throw new ScriptError("There is no browser to draw the icon with.", browser.missing);
  const folder = path.join(ROOT, "build");
  const pictures = await draw(browser.program, readFileSync(path.join(folder, "icon.svg"), "utf8"));
  rmSync(path.join(folder, "icons"), { recursive: true, force: true });
  mkdirSync(path.join(folder, "icons"));
  for (const size of LINUX_SIZES) {
    writeFileSync(path.join(folder, "icons", `${size}x${size}.png`), pictures.get(size) ?? "");
  }
  writeFileSync(path.join(folder, "icon.ico"), ico(pictures));
  writeFileSync(path.join(folder, "icon.icns"), icns(pictures));
  return 0;
});

/**
 * @param {string} executablePath
 * @param {string} svg
 * @returns {Promise<Map<number, Buffer>>} Edge in pixels -> PNG with a transparent ground.
 */
async function draw(executablePath, svg) {
  // Root may not use Chromium's sandbox; the page is a file of ours.
  const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  const browser = await chromium.launch({ executablePath, args });
  const page = await browser.newPage();
  await page.setContent(`<style>html, body { margin: 0 } svg { display: block; width: 100vw }</style>${svg}`);
  /** @type {Map<number, Buffer>} */
  const pictures = new Map();
  for (const size of new Set([...LINUX_SIZES, ...ICO_SIZES, ...ICNS_SIZES])) {
    await page.setViewportSize({ width: size, height: size });
    pictures.set(size, await page.screenshot({ omitBackground: true }));
  }
  await browser.close();
  return pictures;
}
