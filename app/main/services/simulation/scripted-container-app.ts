/** For tests: an app that starts one run in a container and is killed. Arguments: data folder, file, repeats. */
import { fileURLToPath } from "node:url";
import type { SshConnections, Surroundings } from "../engine/index.ts";
import { HparamsService } from "../hparams/index.ts";
import { RunStore } from "../runs/index.ts";
import { DockerBackend } from "./backends/docker.ts";
import { SCRIPTED_IMAGE } from "./scripted-image.ts";
import { SimulationService } from "./simulation-service.ts";

const folderOf = (name: string) => fileURLToPath(new URL(`../../../../${name}`, import.meta.url));

/** `surroundings`: where engines are looked for; `ssh`: the way to those behind it. */
export function scriptedApp(dataFolder: string, surroundings?: Surroundings, ssh?: SshConnections) {
  const store = new RunStore({ dataFolder });
  const packageFolder = folderOf("simulator-image");
  const backend = new DockerBackend({ dataFolder, packageFolder, crusaderVersion: "1.2.3", surroundings, ssh });
  const service = new SimulationService({
    dataFolder,
    store,
    hparams: new HparamsService({ profilesFolder: folderOf("hparams") }),
    policy: () => ({ policy: {}, sha256: "p1", origin: "built-in" }),
    backends: [backend],
    crusaderVersion: "1.2.3",
    now: Date.now,
    randomSeed: () => "seed",
  });
  return { store, backend, service };
}

export const scriptedRequest = (path: string, engine = "default") => ({
  path,
  profile: "rehearsal",
  backend: "docker",
  sandbox: "none" as const,
  container: { engine, runProfile: "validator" as const, image: SCRIPTED_IMAGE },
});

const [, program, dataFolder, file, repeats] = process.argv;
if (program === fileURLToPath(import.meta.url)) {
  const { service } = scriptedApp(dataFolder ?? "");
  const { events } = await service.start({ ...scriptedRequest(file ?? ""), repeats: Number(repeats) });
  for await (const said of events) {
    if (said.type === "judged")
      process.stdout.write(
        `${said.repeat} ${said.event.seq} ${said.event.type} ${"state" in said.event ? said.event.state : ""}\n`,
      );
  }
}
