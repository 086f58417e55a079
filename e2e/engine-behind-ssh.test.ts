/** Runs in containers of an engine behind a real sshd on loopback; only what the judge says is scripted. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, type TestContext, test } from "vitest";
import { LoopbackSsh, PASSPHRASE } from "../app/main/services/engine/loopback-ssh.ts";
import { markerOf } from "../app/main/services/simulation/marked-processes.ts";
import { scriptedApp, scriptedRequest } from "../app/main/services/simulation/scripted-container-app.ts";
import { prepareScriptedImage } from "../app/main/services/simulation/scripted-image.ts";
import { findSshServer } from "../scripts/machine.mjs";

const sshServer = findSshServer();
const prepared = prepareScriptedImage();

/** A box behind ssh whose key has a passphrase, as a context of the docker command; an app that knows the passphrase. */
async function benchOr(context: TestContext) {
  if ("missing" in sshServer) return context.skip(`needs ssh: ${sshServer.missing}`);
  if ("missing" in prepared) return context.skip(`needs docker: ${prepared.missing}`);
  const folder = mkdtempSync(join(tmpdir(), "crusader-docker-ssh-"));
  const box = await LoopbackSsh.start(sshServer.program);
  box.useKey("locked");
  const meta = join(folder, "docker/contexts/meta/box");
  mkdirSync(meta, { recursive: true });
  writeFileSync(
    join(meta, "meta.json"),
    JSON.stringify({ Name: "box", Metadata: {}, Endpoints: { docker: { Host: box.address } } }),
  );
  const dataFolder = join(folder, "data");
  let timesAsked = 0;
  const ssh = box.connections({
    ask: async () => {
      timesAsked += 1;
      return PASSPHRASE;
    },
  });
  const surroundings = { env: { DOCKER_CONFIG: join(folder, "docker") }, platform: process.platform, home: folder };
  const app = scriptedApp(dataFolder, surroundings, ssh);
  const docker = (...args: string[]) => execFileSync(prepared.docker, args, { encoding: "utf8", stdio: "pipe" }).trim();
  const [home = ""] = markerOf(dataFolder, "1", 0).split(".");
  const containers = () =>
    docker("ps", "--all", "--format", "{{.Names}}", "--filter", `label=crusader.home=${home}`)
      .split("\n")
      .filter((name) => name !== "");
  onTestFinished(async () => {
    app.store.close();
    for (const name of containers()) docker("rm", "--force", name);
    await box.close();
    rmSync(folder, { recursive: true });
  });
  const request = (words: string) => {
    writeFileSync(join(folder, "train.py"), words);
    return { ...scriptedRequest(join(folder, "train.py"), "box"), numRanks: 1, repeats: 1 };
  };
  return { ...app, box, request, docker, containers, containerName: `crusader-${home}-1-0`, asked: () => timesAsked };
}

test("a run goes on while the connection is broken, and nothing of it is missed or told twice", async (context) => {
  const { service, store, box, request, docker, containers, containerName, asked } = await benchOr(context);
  const simulation = await service.start(request("wait"));
  const seen: string[] = [];
  for await (const said of simulation.events) {
    if (said.type !== "judged") continue;
    seen.push(`${said.event.seq} ${said.event.type}`);
    if (said.event.type === "stage" && said.event.state === "passed") {
      // Nobody gets there any more, and the judge goes on.
      await box.stopServer();
      docker("exec", "--user", "appuser", containerName, "touch", "/tmp/go");
      docker("wait", containerName);
      await box.startServer("host");
    }
  }
  const { outcome } = await simulation.done;
  expect({ outcome, seen, log: store.output("1").toString(), asked: asked(), left: containers() }).toEqual({
    outcome: "passed",
    seen: ["0 stage", "1 note", "2 stage", "3 result"],
    log: "before\nlaunched as appuser, judge judge\nafter\n",
    asked: 2,
    left: [],
  });
});

test("a cancel goes the same way, and takes the container within 5 s", async (context) => {
  const { service, request, containers } = await benchOr(context);
  const simulation = await service.start(request("stubborn"));
  for await (const said of simulation.events) if (said.type === "judged") break;
  const startedAt = performance.now();
  await simulation.cancel();
  expect(performance.now() - startedAt).toBeLessThan(5000);
  expect({ outcome: (await simulation.done).outcome, left: containers() }).toEqual({ outcome: "cancelled", left: [] });
});
