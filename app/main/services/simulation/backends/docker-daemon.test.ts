/** Runs on a daemon that refuses or breaks off what a real one does; it listens on a Unix socket of the test's own. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { scriptedApp, scriptedRequest } from "../scripted-container-app.ts";

type Answer = (answer: ServerResponse) => void;

const json =
  (status: number, body: unknown): Answer =>
  (answer) =>
    answer.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
const refusal = (status: number, message: string) => json(status, { message });

const INFO = { ID: "fake", ServerVersion: "20.10.24", Name: "fake", OperatingSystem: "Test" };
const IMAGE = { Id: `sha256:${"a".repeat(64)}`, Config: { Labels: { "crusader.profile": "another's" } } };

/** `answers`: by the beginning of "METHOD path"; the first that fits counts. */
async function bench(answers: Record<string, Answer>) {
  const folder = mkdtempSync(join(tmpdir(), "crusader-daemon-"));
  const asked: string[] = [];
  const all: Record<string, Answer> = {
    "GET /info": json(200, INFO),
    "GET /images/": json(200, IMAGE),
    "GET /containers/": refusal(404, "No such container"),
    "DELETE /": refusal(404, "No such container"),
    ...answers,
  };
  const server = createServer((request, answer) => {
    const words = `${request.method} ${request.url}`;
    asked.push(words.replace(/\?.*/, ""));
    const found = Object.entries(all).find(([beginning]) => words.startsWith(beginning));
    request.resume().on("end", () => (found?.[1] ?? refusal(500, `not expected: ${words}`))(answer));
  });
  const socket = join(folder, "engine.sock");
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  const surroundings = { env: { DOCKER_HOST: `unix://${socket}` }, platform: process.platform, home: folder };
  const app = scriptedApp(join(folder, "data"), surroundings);
  onTestFinished(() => {
    app.store.close();
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true });
  });
  const path = join(folder, "train.py");
  writeFileSync(path, "pass");
  const request = { ...scriptedRequest(path), numRanks: 1, repeats: 1 };
  return { ...app, request, asked };
}

test.for([
  ["GET /images/", "image_missing", 404, "No such image: x"],
  ["GET /info", "engine_failed", 503, "the daemon is starting"],
] as const)("a run is not begun where %s is refused", async ([call, code, status, message]) => {
  const { service, request, store, asked } = await bench({ [call]: refusal(status, message) });
  await expect(service.start(request)).rejects.toMatchObject({ code });
  expect([store.list({}).runs, asked.filter((words) => !words.startsWith("GET"))]).toEqual([[], []]);
});

test("an image for another profile is refused before a run, unless it was named by hand", async () => {
  const { service, request } = await bench({});
  const { image: _named, ...container } = request.container;
  const { problems } = await service.forecast({ ...request, container });
  expect(problems).toMatchObject([{ code: "image_missing", message: expect.stringContaining("does not fit") }]);
  expect((await service.forecast(request)).problems).toEqual([]);
});

test.for([
  ["an image whose layers were lost", "create", 500, "layer does not exist", /incomplete there/],
  ["an image that was removed meanwhile", "create", 404, "No such image: sha256:a", /Build the image first/],
  ["a full disk", "create", 500, "mkdir /x: no space left on device", /Free space/],
  [
    "fewer GPUs than were asked for",
    "start",
    500,
    "nvidia-container-cli: device error: 3: unknown device",
    /no GPU of/,
  ],
] as const)("%s ends the run with words, and nothing stays", async ([, at, status, message, hint]) => {
  const { service, request, asked } = await bench({
    "POST /containers/create": at === "create" ? refusal(status, message) : json(201, { Id: "c" }),
    "POST /containers/crusader-": (answer) => {
      if (asked.at(-1)?.endsWith("/attach") === true)
        answer.writeHead(101, { connection: "Upgrade", upgrade: "tcp" }).end();
      else refusal(status, message)(answer);
    },
  });
  const { outcome, failure } = await (await service.start(request)).done;
  expect({
    outcome,
    failure,
    removed: asked.some((words) => words.startsWith("DELETE /containers/crusader-")),
  }).toEqual({
    outcome: "error",
    failure: expect.objectContaining({
      kind: "environment",
      message: expect.stringContaining(message),
      hint: expect.stringMatching(hint),
    }),
    removed: true,
  });
});
