/**
 * A web host with a scripted judge as a program of its own, so that it can be killed:
 * `node hosted.ts FOLDER RENDERER_FOLDER PORT`. It prints its address as a line once it can be used.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { startWebHost } from "../../app/main/hosts/web/index.ts";
import { createServices } from "../../app/main/router/services.ts";
import { ScriptedBackend } from "../../app/main/services/simulation/scripted-backend.ts";

const [folder = "", rendererFolder = "", port = "0"] = process.argv.slice(2);
const services = createServices({
  dataFolder: join(folder, "data"),
  // Nothing of this machine but the engine that a test names.
  env: { PATH: "", DOCKER_HOST: process.env.DOCKER_HOST },
  home: folder,
  moreBackends: [new ScriptedBackend()],
  lookEveryMs: 50,
});
// A data folder that was used before may be one that can no longer be written.
if (!existsSync(join(folder, "data", "settings.json"))) {
  const simulation = { profile: "rehearsal", backend: "scripted", numRanks: null, repeats: null };
  services.settings.change({ simulation });
  services.workspace.openDefaultFolder();
}
await services.cleanUp();
const host = await startWebHost({ services, rendererFolder, port: Number(port), newToken: false });
process.stdout.write(`${host.url()}\n`);
