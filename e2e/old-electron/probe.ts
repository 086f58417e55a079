/** The shell on an old Electron: opens it, has the page and this process try everything, prints what came of it. */
// biome-ignore-all lint/suspicious/noExplicitAny: no types of Electron 9 are at hand
import { PAGE_ORIGIN } from "../../app/common/desktop-bridge.ts";
import { registerPageScheme, startShell } from "../../app/main/hosts/electron/shell.ts";
import { app, BrowserWindow, seen } from "./shim.ts";

const env = (name: string) => process.env[name] ?? "";
const found: Record<string, unknown> = { electron: process.versions.electron };

async function probe() {
  const window: any = BrowserWindow.getAllWindows()[0];
  await new Promise<void>((resolve) => window.webContents.once("did-finish-load", resolve));
  const ask = (code: string) => window.webContents.executeJavaScript(`probe.${code}`);
  found.bridge = await ask("bridge()");
  found.versions = await ask("versions()");
  found.unlisted = await ask("unlisted()");
  found.choose = await ask("choose()");
  found.permissions = await ask("permissions()");
  found.foreign = await ask("foreign()");

  const stays = async (code: string) => {
    await window.webContents.executeJavaScript(`${code}; 1`);
    await new Promise((resolve) => setTimeout(resolve, 200));
    return window.webContents.getURL() === `${PAGE_ORIGIN}/` && BrowserWindow.getAllWindows().length === 1;
  };
  found.stays = [
    await stays("location.href = 'https://evil.example/'"),
    await stays("location.href = 'file:///etc/passwd'"),
    await stays("window.open('https://evil.example/')"),
    await stays("window.open('https://github.com/')"),
    await stays("window.open('crusader://app/index.html')"),
  ];
  found.openedOutside = seen.openedOutside;

  const other: any = new BrowserWindow({
    show: false,
    webPreferences: { preload: env("PROBE_PRELOAD"), sandbox: true, contextIsolation: true },
  });
  await other.loadURL(`${PAGE_ORIGIN}/`);
  found.portsOfAnotherWindow = await other.webContents.executeJavaScript("probe.portsWithin(300)");
  other.destroy();

  await ask("start()");
  seen.children[0].kill("SIGKILL");
  found.run = await ask("ended()");
  found.children = seen.children.length;
  // Quitting with a run going on asks (the stand-in says: cancel it), and records it.
  await ask("startAnother()");
  process.stdout.write(`${JSON.stringify(found)}\n`);
  app.quit();
}

app.setPath("userData", `${env("PROBE_FOLDER")}/electron`);
registerPageScheme();
void app.whenReady().then(async () => {
  startShell({
    dataFolder: `${env("PROBE_FOLDER")}/data`,
    rendererFolder: env("PROBE_RENDERER"),
    preload: env("PROBE_PRELOAD"),
    serviceModule: env("PROBE_SERVICE"),
  });
  await probe().catch((error) => {
    process.stdout.write(`${JSON.stringify({ ...found, failed: String(error?.stack ?? error) })}\n`);
    app.exit(1);
  });
});
