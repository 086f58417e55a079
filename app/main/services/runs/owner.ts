/**
 * Which process records a run. It tells a run that goes on from one whose process died: a process id alone may by then
 * belong to another process, so its start time is kept beside it.
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { z } from "zod";

export const ownerSchema = z.object({
  host: z.string(),
  pid: z.number().int().positive(),
  /** Opaque; equal for the same process only. Empty where the platform does not tell. */
  started: z.string(),
});
export type Owner = z.infer<typeof ownerSchema>;

export function thisProcess(): Owner {
  return { host: hostname(), pid: process.pid, started: startOf(process.pid) };
}

/** True while that process lives. One on another host (a shared data folder) counts as alive: nothing here can tell. */
export function isAlive(owner: Owner): boolean {
  if (owner.host !== hostname()) return true;
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    // EPERM: it exists and belongs to another user.
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return false;
  }
  return owner.started === "" || startOf(owner.pid) === owner.started;
}

function startOf(pid: number): string {
  try {
    if (process.platform === "linux") {
      const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
      const status = readFileSync(`/proc/${pid}/stat`, "utf8");
      // Field 22, counted after the command name, which may hold spaces and parentheses.
      const startTicks = status.slice(status.lastIndexOf(")") + 2).split(" ")[19];
      return `${boot} ${startTicks}`;
    }
    if (process.platform === "darwin") {
      return execFileSync("/bin/ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8" }).trim();
    }
  } catch {
    // It ended meanwhile, or the platform hides it: then the process id alone decides.
  }
  return "";
}
