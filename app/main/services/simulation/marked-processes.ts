/**
 * Processes of a run, found by the mark in their environment (`CRUSADER_RUN_ID`), however far they have moved from
 * whoever started them. Linux only: elsewhere the list is empty, and ranks end when the judge's connection closes.
 */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { EndedProcess } from "./backend.ts";

export const MARKER_VARIABLE = "CRUSADER_RUN_ID";

const RETRY_MS = 20;
const GIVE_UP_AFTER_MS = 2000;

/** The mark of one evaluation. Run ids count from 1 in every data folder, so the folder is part of it. */
export function markerOf(dataFolder: string, runId: string, repeat: number): string {
  return `${folderKey(dataFolder)}.${runId}.${repeat}`;
}

/** The id of the run that a mark belongs to; null for one of another data folder. */
export function runOfMarker(dataFolder: string, marker: string): string | null {
  const [key, runId = null] = marker.split(".");
  return key === folderKey(dataFolder) ? runId : null;
}

export function folderKey(dataFolder: string): string {
  return createHash("sha256").update(resolve(dataFolder)).digest("hex").slice(0, 16);
}

type MarkedProcess = EndedProcess & { marker: string };

/** Processes whose marker is wanted, this one never among them; those of other users cannot be seen. */
export function markedProcesses(wanted: (marker: string) => boolean): MarkedProcess[] {
  if (process.platform !== "linux") return [];
  return readdirSync("/proc").flatMap((entry) => {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || pid === process.pid) return [];
    const marker = readIfAllowed(`/proc/${pid}/environ`)
      .split("\0")
      .find((assignment) => assignment.startsWith(`${MARKER_VARIABLE}=`))
      ?.slice(MARKER_VARIABLE.length + 1);
    if (marker === undefined || !wanted(marker)) return [];
    return [{ pid, name: readIfAllowed(`/proc/${pid}/comm`).trim(), marker }];
  });
}

/** Kills them, and those they start meanwhile, until there are none. Returns what was killed. */
export async function endMarkedProcesses(wanted: (marker: string) => boolean): Promise<EndedProcess[]> {
  const ended = new Map<number, EndedProcess>();
  const deadline = performance.now() + GIVE_UP_AFTER_MS;
  for (;;) {
    const found = markedProcesses(wanted);
    if (found.length === 0 || performance.now() > deadline) return [...ended.values()];
    for (const { pid, name } of found) {
      ended.set(pid, { pid, name });
      killIfThere(pid);
    }
    await sleep(RETRY_MS);
  }
}

export function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** Empty where it is another user's, or has ended. */
function readIfAllowed(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
