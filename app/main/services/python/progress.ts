export type PythonPhase = "wait" | "find" | "create" | "download" | "install" | "verify";

/** What is being done; `done` of `total` only where that can be told. */
export interface PythonProgress {
  readonly phase: PythonPhase;
  readonly done?: number | undefined;
  readonly total?: number | undefined;
  /** "packages" or "bytes" (of the one file named in `detail`). */
  readonly unit?: string | undefined;
  readonly detail: string;
}
