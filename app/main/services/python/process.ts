/** Runs a program and its children as one thing: collected output, cancelled as a whole. */
import { spawn, spawnSync } from "node:child_process";

export interface RunOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
  /** Called with every whole line of stdout and stderr, as it comes. */
  readonly onLine?: ((line: string) => void) | undefined;
}

export interface RunResult {
  /** Exit status; null when the program could not be started, was ended by a signal or took too long. */
  readonly status: number | null;
  readonly stdout: string;
  /** stdout and stderr as they came, the last `KEPT_CHARACTERS` of them. */
  readonly output: string;
}

const KEPT_CHARACTERS = 100_000;

/**
 * Runs `program` to its end. Rejects with the signal's reason when `signal` aborts, after the whole process group is
 * gone; any other ending is a result.
 */
export async function runProgram(program: string, args: readonly string[], options: RunOptions): Promise<RunResult> {
  options.signal?.throwIfAborted();
  const posix = process.platform !== "win32";
  // A group of its own, so that pip's children end with it; which also means that Ctrl-C reaches it through us only.
  const child = spawn(program, args, {
    env: options.env,
    stdio: ["ignore", "pipe", "pipe"],
    detached: posix,
    windowsHide: true,
  });
  const end = () => {
    if (child.pid === undefined) return;
    if (posix) killGroup(child.pid);
    else spawnSync("taskkill", ["/pid", String(child.pid), "/T", "/F"], { stdio: "ignore", windowsHide: true });
  };
  const timer = options.timeoutMs === undefined ? null : setTimeout(end, options.timeoutMs);
  options.signal?.addEventListener("abort", end);
  process.on("exit", end);

  let stdout = "";
  let output = "";
  const collect = (toStdout: boolean) => {
    let rest = "";
    return {
      take(part: string) {
        if (toStdout) stdout = (stdout + part).slice(-KEPT_CHARACTERS);
        output = (output + part).slice(-KEPT_CHARACTERS);
        const lines = (rest + part).split(/\r\n|\n|\r/);
        rest = lines.pop() ?? "";
        for (const line of lines) options.onLine?.(line);
      },
      close() {
        if (rest !== "") options.onLine?.(rest);
      },
    };
  };
  const streams = [
    { readable: child.stdout.setEncoding("utf8"), sink: collect(true) },
    { readable: child.stderr.setEncoding("utf8"), sink: collect(false) },
  ];
  for (const { readable, sink } of streams) readable.on("data", (part: string) => sink.take(part));

  const status = await new Promise<number | null>((resolve) => {
    child.on("error", (error) => {
      output += `${error.message}\n`;
      resolve(null);
    });
    child.on("close", (code) => resolve(code));
  });
  for (const { sink } of streams) sink.close();
  if (timer !== null) clearTimeout(timer);
  options.signal?.removeEventListener("abort", end);
  process.off("exit", end);
  options.signal?.throwIfAborted();
  return { status, stdout, output };
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    // Already gone.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
