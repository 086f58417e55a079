/** What Electron's main process and the service process say to each other. Both are ours, so types will do. */

export type ToService =
  /** A window's connection; its port comes with it. */
  | { kind: "window" }
  /** What a person picked in the dialog; null: nothing. */
  | { kind: "chosen"; requestId: number; path: string | null }
  /** A file or folder that the desktop asks to open. */
  | { kind: "open"; path: string }
  | { kind: "openFolder"; folderId: string }
  | { kind: "command"; id: string }
  | { kind: "showRun"; runId: string }
  /** Ends the process; unless runs are going on that nobody said to cancel. */
  | { kind: "quit"; cancelRuns: boolean };

export type FromService =
  | { kind: "chooseFolder"; requestId: number }
  | { kind: "chooseExportedRun"; requestId: number }
  | { kind: "chooseDatabase"; requestId: number }
  | { kind: "state"; state: DesktopState }
  /** Long enough ago that its end is worth telling. */
  | { kind: "runEnded"; runId: string; title: string; body: string }
  /** What could not be opened, and why. */
  | { kind: "notOpened"; message: string }
  /** Why it did not quit. */
  | { kind: "runsGoingOn"; runIds: readonly string[] };

/** What the shell shows of the services' world. */
export type DesktopState = {
  theme: "system" | "light" | "dark" | "high-contrast";
  /** The one opened last comes first. */
  recentFolders: readonly { id: string; name: string; location: string }[];
};
