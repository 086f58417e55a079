/** The command line in this process, with what it wrote. For tests. */
import { runCommand } from "./main.ts";

export async function crusader(...args: string[]) {
  let [stdout, stderr] = ["", ""];
  const io = {
    stdout: { write: (text: string) => (stdout += text) },
    stderr: { write: (text: string) => (stderr += text) },
  };
  return { exitCode: await runCommand(args, io), stdout, stderr };
}
