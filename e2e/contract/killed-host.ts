/** A host that is killed while a run is going on; a process of its own, so that it can be. */
import { join } from "node:path";
import { createServices } from "../../app/main/router/services.ts";
import { ScriptedBackend } from "../../app/main/services/simulation/scripted-backend.ts";

/** Prints the run's number once its judge has spoken, and waits. */
export async function runUntilKilled(folder: string): Promise<void> {
  const services = createServices({ dataFolder: join(folder, "data"), moreBackends: [new ScriptedBackend()] });
  const { runId } = await services.runs.start({
    path: join(folder, "train.py"),
    source: Buffer.from("polite"),
    profile: "rehearsal",
    backend: "scripted",
    sandbox: "none",
    repeats: 1,
  });
  for await (const { number } of services.runs.follow(runId, 0, undefined)) {
    if (number > 0) process.stdout.write(`${runId}\n`);
  }
}
