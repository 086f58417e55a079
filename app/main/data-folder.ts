import os from "node:os";
import path from "node:path";

/** Where Crusader keeps everything of this user: `CRUSADER_HOME`, else the platform's place for application data. */
export function dataFolder(env: NodeJS.ProcessEnv = process.env, platform: NodeJS.Platform = process.platform): string {
  if (env.CRUSADER_HOME) return path.resolve(env.CRUSADER_HOME);
  const home = os.homedir();
  if (platform === "win32") return path.join(env.APPDATA ?? path.join(home, "AppData", "Roaming"), "Crusader");
  if (platform === "darwin") return path.join(home, "Library", "Application Support", "Crusader");
  return path.join(env.XDG_DATA_HOME || path.join(home, ".local", "share"), "crusader");
}
