/** Which Electron the app runs on. */

export const ELECTRON_MAJOR = 45;
const NODE_MAJOR = 24;

/** Null when it will do, else what is wrong, for people. */
export function versionProblem({ electron, node }: { electron?: string | undefined; node: string }): string | null {
  const major = (version: string) => Number.parseInt(version, 10);
  if (electron === undefined) return "This is the desktop window's program: start it with Electron, or use npm start.";
  if (major(electron) < ELECTRON_MAJOR) return `Crusader needs Electron ${ELECTRON_MAJOR}; this is ${electron}.`;
  if (major(node) < NODE_MAJOR) return `Crusader needs Node ${NODE_MAJOR}; this Electron has Node ${node}.`;
  return null;
}
