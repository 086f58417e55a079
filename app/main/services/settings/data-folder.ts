/** Where everything of Crusader's own lies: runs, history, environments (docs/architecture.md). */
import { homedir } from "node:os";
import { posix, win32 } from "node:path";

/** `$CRUSADER_HOME`, else the platform's place for application data. Absolute; not created here. */
export function dataFolder(env: NodeJS.ProcessEnv, platform: NodeJS.Platform): string {
  const { join, resolve } = platform === "win32" ? win32 : posix;
  if (env.CRUSADER_HOME !== undefined && env.CRUSADER_HOME !== "") return resolve(env.CRUSADER_HOME);
  const home = (platform === "win32" ? env.USERPROFILE : env.HOME) || homedir();
  if (platform === "win32") return join(env.APPDATA || join(home, "AppData", "Roaming"), "Crusader");
  if (platform === "darwin") return join(home, "Library", "Application Support", "Crusader");
  return join(home, ".local", "share", "crusader");
}
