/** What a command prints to. A process's own streams fit; so does anything with `write`. */
export interface OutputStream {
  write(text: string): unknown;
  /** True for a terminal, where a line may be drawn over. */
  readonly isTTY?: boolean | undefined;
  /** Width of the terminal in characters. */
  readonly columns?: number | undefined;
}

export interface CommandIo {
  /** The command's answer: tables, JSON. Never progress. */
  readonly stdout: OutputStream;
  /** Progress, notices and errors. */
  readonly stderr: OutputStream;
}

/** Exit codes of every command (README.md lists them). */
export const EXIT = { passed: 0, submissionFailed: 1, problemFound: 1, usage: 2, environment: 3 } as const;
