/** The engine killed and started again in the middle of a run; it is one of the test's own. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, type TestContext, test } from "vitest";
import { SecondEngine } from "../app/main/services/engine/second-engine.ts";
import { scriptedApp, scriptedRequest } from "../app/main/services/simulation/scripted-container-app.ts";
import { prepareScriptedImage, SCRIPTED_IMAGE } from "../app/main/services/simulation/scripted-image.ts";

const prepared = prepareScriptedImage();

async function benchOr(context: TestContext, liveRestore: boolean) {
  if ("missing" in prepared) return context.skip(`needs docker: ${prepared.missing}`);
  const missing = SecondEngine.missing();
  if (missing !== null) return context.skip(missing);
  const engine = await SecondEngine.start(prepared.docker, SCRIPTED_IMAGE, liveRestore);
  onTestFinished(() => engine.close());
  const folder = mkdtempSync(join(tmpdir(), "crusader-docker-killed-"));
  const surroundings = { env: { DOCKER_HOST: engine.address }, platform: process.platform, home: folder };
  const app = scriptedApp(join(folder, "data"), surroundings);
  onTestFinished(() => {
    app.store.close();
    rmSync(folder, { recursive: true });
  });
  const start = (words: string) => {
    writeFileSync(join(folder, "train.py"), words);
    return app.service.start({ ...scriptedRequest(join(folder, "train.py")), numRanks: 1, repeats: 1 });
  };
  return { ...app, engine, start };
}

test("where containers outlive their engine, the run goes on when the engine is back", async (context) => {
  const { engine, start, store } = await benchOr(context, true);
  const simulation = await start("wait");
  const seen: string[] = [];
  for await (const said of simulation.events) {
    if (said.type !== "judged") continue;
    seen.push(`${said.event.seq} ${said.event.type}`);
    if (said.event.type !== "stage" || said.event.state !== "passed") continue;
    await engine.killDaemon();
    await engine.startDaemon();
    engine.run("exec", "--user", "appuser", engine.run("ps", "--quiet"), "touch", "/tmp/go");
  }
  const { outcome } = await simulation.done;
  expect({ outcome, seen, log: store.output("1").toString(), left: engine.run("ps", "--all", "--quiet") }).toEqual({
    outcome: "passed",
    seen: ["0 stage", "1 note", "2 stage", "3 result"],
    log: "before\nlaunched as appuser, judge judge\nafter\n",
    left: "",
  });
});

test("where containers end with their engine, the run is an error of the environment, with words", async (context) => {
  const { engine, start } = await benchOr(context, false);
  const simulation = await start("polite");
  for await (const said of simulation.events) {
    if (said.type !== "judged" || said.event.type !== "stage") continue;
    await engine.killDaemon();
    // It ends what it finds.
    await engine.startDaemon();
  }
  const { outcome, failure } = await simulation.done;
  const { kind, message } = failure ?? {};
  expect({ outcome, kind, message, left: engine.run("ps", "--all", "--quiet") }).toEqual({
    outcome: "error",
    kind: "environment",
    message: "The container was stopped before its verdict, and not from here.",
    left: "",
  });
});

test("a run that cannot be cancelled because the engine is down is given up, and removed when it is back", async (context) => {
  const { engine, start, service } = await benchOr(context, true);
  const simulation = await start("polite");
  for await (const said of simulation.events) if (said.type === "judged") break;
  await engine.killDaemon();
  await simulation.cancel();
  const { outcome, repeats } = await simulation.done;
  expect({ outcome, notes: repeats[0]?.notes.map(({ level, id }) => ({ level, id })) }).toEqual({
    outcome: "cancelled",
    notes: [{ level: "warning", id: "container_left" }],
  });
  await engine.startDaemon();
  expect(await service.removeLeftovers()).toEqual([expect.stringMatching(/^container crusader-/)]);
  expect(engine.run("ps", "--all", "--quiet")).toBe("");
});
