import type { RequestListener } from "node:http";
import { expect, test } from "vitest";
import { LOCALNET_IMAGE } from "../app/common/addresses.ts";
import { type Answers, json, startMadeEngine } from "../app/main/services/engine/made-engine.ts";
import { Localnet } from "../app/main/services/practice/index.ts";

const done: RequestListener = (_request, response) => void response.writeHead(204).end();
const LABELS = { "crusader.localnet": "1" };
const STATUS = {
  engine: "default",
  endpoint: "ws://127.0.0.1:9944",
  image: LOCALNET_IMAGE,
  hasImage: true,
  state: "none",
};

/** An engine with or without the image, and with the containers that were made. */
async function bench({ hasImage = true, more = {} }: { hasImage?: boolean; more?: Answers } = {}) {
  const containers = new Map<string, { isRunning: boolean }>();
  const made: unknown[] = [];
  const engine = await startMadeEngine({
    ...(hasImage ? { "GET /images/": json({ Id: "sha256:1", Config: { Labels: {} } }) } : {}),
    "GET /containers/json": (request, response) =>
      json([...containers.keys()].map((Id) => ({ Id, Names: ["/crusader-localnet"], Labels: LABELS })))(
        request,
        response,
      ),
    "GET /containers/c/json": (request, response) => {
      const Running = containers.get("c")?.isRunning === true;
      json({ Id: "c", State: { Status: Running ? "running" : "exited", Running, ExitCode: 0 } })(request, response);
    },
    "POST /containers/create": async (request, response) => {
      made.push(JSON.parse((await request.toArray()).join("")));
      containers.set("c", { isRunning: false });
      json({ Id: "c" }, 201)(request, response);
    },
    "POST /containers/c/start": (request, response) => {
      containers.set("c", { isRunning: true });
      done(request, response);
    },
    "POST /containers/c/stop": done,
    "DELETE /containers/c": (request, response) => {
      containers.delete("c");
      done(request, response);
    },
    ...more,
  });
  const env = { DOCKER_HOST: engine.address };
  const localnet = new Localnet({ surroundings: { env, platform: "linux", home: "/nowhere" } });
  return { localnet, containers, made, asked: engine.asked };
}

test("it is started once, for this machine only, and stopped with what it leaves", async () => {
  const { localnet, containers, made } = await bench();
  expect(await localnet.status()).toEqual(STATUS);
  expect([await localnet.start(), await localnet.start()]).toEqual([
    { ...STATUS, state: "running" },
    { ...STATUS, state: "running" },
  ]);
  const onLoopback = (port: string) => [{ HostIp: "127.0.0.1", HostPort: port }];
  expect(made).toEqual([
    {
      name: "crusader-localnet",
      Image: LOCALNET_IMAGE,
      Labels: LABELS,
      ExposedPorts: { "9944/tcp": {}, "9945/tcp": {} },
      HostConfig: {
        PortBindings: { "9944/tcp": onLoopback("9944"), "9945/tcp": onLoopback("9945") },
        SecurityOpt: ["no-new-privileges"],
        PidsLimit: 4096,
        LogConfig: { Type: "json-file", Config: { "max-size": "16m", "max-file": "2" } },
      },
    },
  ]);
  expect([await localnet.stop(), await localnet.stop(), containers.size]).toEqual([STATUS, STATUS, 0]);
});

test("one that has ended is made anew", async () => {
  const { localnet, containers, made, asked } = await bench();
  containers.set("c", { isRunning: false });
  expect([await localnet.status(), await localnet.start()]).toMatchObject([{ state: "ended" }, { state: "running" }]);
  expect([made.length, asked.filter((call) => call.startsWith("DELETE"))]).toEqual([1, ["DELETE /containers/c"]]);
});

test("without its image nothing is made; the image is fetched when that is asked", async () => {
  const { localnet, made, asked } = await bench({ hasImage: false });
  await expect(localnet.start()).rejects.toMatchObject({
    code: "image_missing",
    message: `The image ${LOCALNET_IMAGE} is not on the engine default.`,
    hint: "Fetch it: crusader practice localnet pull. Or practise without it: crusader practice start.",
  });
  expect([made, asked.some((call) => call.startsWith("POST"))]).toEqual([[], false]);
});

const pulling = (lines: readonly object[]): RequestListener => {
  return (_request, response) => void response.end(lines.map((line) => `${JSON.stringify(line)}\r\n`).join(""));
};

test("fetching it tells how far it is", async () => {
  const layer = (id: string, current: number, total: number) => ({ id, progressDetail: { current, total } });
  const lines = [
    { status: "Pulling from opentensor/subtensor-localnet", id: "devnet-ready" },
    { status: "Pulling fs layer", progressDetail: {}, id: "a" },
    layer("a", 10, 100),
    layer("b", 1, 50),
    layer("a", 100, 100),
    { status: "Status: Downloaded newer image" },
  ];
  const { localnet, asked } = await bench({ more: { "POST /images/create": pulling(lines) } });
  const told: object[] = [];
  expect(await localnet.pull(undefined, (bytes) => told.push(bytes))).toEqual(STATUS);
  expect(told).toEqual([
    { done: 10, total: 100 },
    { done: 11, total: 150 },
    { done: 101, total: 150 },
  ]);
  expect(asked[0]).toBe("POST /images/create");
});

test("a registry that refuses, an engine that does, one that breaks off: each in its words", async () => {
  const ended = (lines: readonly object[]) => bench({ more: { "POST /images/create": pulling(lines) } });
  const refused = await ended([{ status: "Pulling" }, { error: "manifest unknown", errorDetail: {} }]);
  await expect(refused.localnet.pull(undefined, () => {})).rejects.toMatchObject({
    code: "engine_failed",
    message: `The image ${LOCALNET_IMAGE} cannot be fetched: manifest unknown`,
  });
  const unreachable = await bench({
    more: { "POST /images/create": json({ message: "lookup of the registry failed" }, 500) },
  });
  await expect(unreachable.localnet.pull(undefined, () => {})).rejects.toMatchObject({
    code: "engine_failed",
    message: expect.stringContaining("lookup of the registry failed"),
  });
  const torn: RequestListener = (_request, response) => {
    response.write('{"id":"a","progressDetail":{"current":1,"total":2}}\n', () => response.destroy());
  };
  const broken = await bench({ more: { "POST /images/create": torn } });
  await expect(broken.localnet.pull(undefined, () => {})).rejects.toMatchObject({ code: "engine_unreachable" });
});

test("who gives up fetching it is not told of a failure", async () => {
  const controller = new AbortController();
  const { localnet } = await bench({
    more: {
      "POST /images/create": (_request, response) =>
        void response.write('{"id":"a","progressDetail":{"current":1,"total":2}}\n'),
    },
  });
  const reason = new Error("given up");
  const work = localnet.pull(undefined, () => controller.abort(reason), controller.signal);
  await expect(work).rejects.toBe(reason);
});

test("ports that are taken leave no container behind", async () => {
  const message = "driver failed: Bind for 127.0.0.1:9944 failed: port is already allocated";
  const { localnet, containers } = await bench({ more: { "POST /containers/c/start": json({ message }, 500) } });
  await expect(localnet.start()).rejects.toMatchObject({
    code: "conflict",
    message: "Something else listens on port 9944 or 9945 of this machine.",
    detail: expect.stringContaining(message),
  });
  expect(containers.size).toBe(0);
});

test("an engine elsewhere starts no chain of this machine", async () => {
  const env = { DOCKER_HOST: "tcp://box.example:2375" };
  const localnet = new Localnet({ surroundings: { env, platform: "linux", home: "/nowhere" } });
  await expect(localnet.start()).rejects.toMatchObject({ code: "unsupported" });
});
