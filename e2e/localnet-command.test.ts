import { expect, test } from "vitest";
import { LOCALNET_IMAGE } from "../app/common/addresses.ts";
import { localnetCommand } from "../app/main/cli/localnet.ts";
import { json, startMadeEngine } from "../app/main/services/engine/made-engine.ts";
import { Localnet } from "../app/main/services/practice/index.ts";

async function bench(hasImage: boolean) {
  const engine = await startMadeEngine({
    ...(hasImage ? { "GET /images/": json({ Id: "sha256:1" }) } : {}),
    "GET /containers/json": json([]),
    "POST /images/create": json({ id: "a", progressDetail: { current: 5_000_000, total: 10_000_000 } }),
  });
  const env = { DOCKER_HOST: engine.address };
  const localnet = new Localnet({ surroundings: { env, platform: "linux", home: "/nowhere" } });
  const said = { stdout: "", stderr: "" };
  const stream = (name: keyof typeof said) => ({
    write: (text: string) => {
      said[name] += text;
    },
  });
  const run = (...args: string[]) =>
    localnetCommand(args, { stdout: stream("stdout"), stderr: stream("stderr") }, localnet);
  return { run, said };
}

test("what there is, in words and as JSON", async () => {
  const { run, said } = await bench(false);
  expect([await run("status"), await run("status", "--json"), said.stdout]).toEqual([
    0,
    0,
    `${LOCALNET_IMAGE} is not there: crusader practice localnet pull fetches it (engine default).\nIt does not run.\n{
  "engine": "default",
  "endpoint": "ws://127.0.0.1:9944",
  "image": "${LOCALNET_IMAGE}",
  "hasImage": false,
  "state": "none"
}
`,
  ]);
});

test("fetching the image shows how far it is", async () => {
  const { run, said } = await bench(true);
  expect([await run("pull"), said]).toEqual([
    0,
    { stdout: `${LOCALNET_IMAGE} is there (engine default).\nIt does not run.\n`, stderr: "Fetching the image\n" },
  ]);
});

test("wrong use says how", async () => {
  const { run } = await bench(true);
  const hint = "There are: status, pull, start, stop. `crusader practice localnet --help` shows how.";
  await expect(run("paint")).rejects.toMatchObject({
    code: "usage",
    message: "There is no `crusader practice localnet paint`.",
    hint,
  });
  await expect(run()).rejects.toMatchObject({ code: "usage", hint });
  await expect(run("stop", "it")).rejects.toMatchObject({ code: "usage", hint });
});
