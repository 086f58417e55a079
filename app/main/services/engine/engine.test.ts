/** Engines that are slow, wrong or out of reach: what a real one does not do when asked. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener, type ServerResponse } from "node:http";
import { createServer as createPlainServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { Demultiplexer } from "./demultiplex.ts";
import { type Endpoint, findEndpoint, findEndpoints } from "./endpoints.ts";
import { Engine } from "./engine.ts";
import { diallingArguments, openingArguments, parseSshAddress, sshProblem } from "./ssh.ts";

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "crusader-engine-"));
  onTestFinished(() => rmSync(made, { recursive: true }));
  return made;
}

const endpoint = (address: string): Endpoint => ({
  name: "default",
  address,
  current: true,
  tlsFolder: null,
  skipTlsVerify: false,
});

/** A daemon on a Unix socket that answers as it is told. */
async function daemon(answer: RequestListener): Promise<Endpoint> {
  const path = join(folder(), "engine.sock");
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(path, resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return endpoint(`unix://${path}`);
}

const frame = (stream: 1 | 2, bytes: Buffer) => {
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(bytes.length, 4);
  return Buffer.concat([header, bytes]);
};

test("an engine that does not answer in time is out of reach", async () => {
  const engine = new Engine(await daemon(() => {}), { callMs: 50 });
  await expect(engine.facts()).rejects.toMatchObject({
    code: "engine_unreachable",
    message: expect.stringContaining("did not answer within 0.05 s"),
  });
});

test.each<[string, RequestListener, string, RegExp]>([
  ["no JSON", (_q, answer) => answer.end("hello"), "engine_failed", /cannot be understood/],
  ["another JSON", (_q, answer) => answer.end('{"ID": 7}'), "engine_failed", /cannot be understood/],
  [
    "a refusal",
    (_q, answer) => answer.writeHead(500).end('{"message": "no space left on device"}'),
    "engine_failed",
    /refused: no space left/,
  ],
  [
    "half an answer",
    (_q, answer) => void answer.writeHead(200, { "content-length": "99" }).write("{", () => answer.destroy()),
    "engine_unreachable",
    /broke off|did not answer/,
  ],
])("an engine that answers wrongly: %s", async (_name, answer, code, message) => {
  const engine = new Engine(await daemon(answer), { callMs: 2000 });
  await expect(engine.facts()).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
});

test("an answer without end is cut off before it fills the memory", async () => {
  const chunk = Buffer.alloc(1024 * 1024, 0x20);
  const pour = (answer: ServerResponse) => {
    if (answer.destroyed) return;
    if (answer.write(chunk)) setImmediate(pour, answer);
    else answer.once("drain", () => pour(answer));
  };
  const engine = new Engine(await daemon((_request, answer) => pour(answer.writeHead(200))));
  await expect(engine.facts()).rejects.toMatchObject({
    code: "engine_failed",
    message: expect.stringContaining("more than 32 MiB"),
  });
  await expect(engine.containers({})).rejects.toMatchObject({ code: "engine_failed" });
});

test.each([
  ["in pieces of a byte, inside its characters", "application/json"],
  ["called a web page", "text/html"],
])("an answer is read however it comes: %s", async (_name, contentType) => {
  const info = Buffer.from(JSON.stringify({ ID: "\u00fc\u{1f680}", ServerVersion: "20.10", Name: "h\u00f6st" }));
  const engine = new Engine(
    await daemon((_request, answer) => {
      answer.writeHead(200, { "content-type": contentType });
      for (const byte of info) answer.write(Buffer.from([byte]));
      answer.end();
    }),
  );
  expect(await engine.facts()).toMatchObject({ id: "\u00fc\u{1f680}", host: "h\u00f6st" });
});

test.each([
  [400, "client version 1.12 is too old. Minimum supported API version is 1.44", /Update the engine/],
  [500, 'could not select device driver "" with capabilities: [[gpu]]', /NVIDIA Container Toolkit/],
  [500, "nvidia-container-cli: device error: 7: unknown device: unknown", /no GPU of that number: nvidia-smi -L/],
  [500, "layer does not exist", /incomplete there: remove it/],
  [404, "No such image: crusader:x", /Build the image/],
  [500, "<html>Bad Gateway</html>", /^$/],
])("a refusal says why and what to do: %i %s", async (status, message, hint) => {
  const isPage = message.startsWith("<");
  const engine = new Engine(
    await daemon((_request, answer) => {
      answer.writeHead(status, { "content-type": isPage ? "text/html" : "application/json" });
      answer.end(isPage ? message : JSON.stringify({ message }));
    }),
  );
  await expect(engine.facts()).rejects.toMatchObject({
    code: "engine_failed",
    message: expect.stringContaining(isPage ? "refused" : message),
    hint: expect.stringMatching(hint),
  });
});

test("what is no engine at all says so", async () => {
  const path = join(folder(), "other.sock");
  const server = createPlainServer((socket) => socket.end("SSH-2.0-OpenSSH\r\n"));
  await new Promise<void>((resolve) => server.listen(path, resolve));
  onTestFinished(() => void server.close());
  await expect(new Engine(endpoint(`unix://${path}`)).facts()).rejects.toMatchObject({ code: "engine_failed" });
});

test("no engine: the words name a remedy", async () => {
  await expect(new Engine(endpoint("unix:///no/such.sock")).facts()).rejects.toMatchObject({
    code: "engine_unreachable",
    message: "The container engine does not run (unix:///no/such.sock).",
    hint: expect.stringContaining("systemctl start docker"),
  });
});

test("a log comes whole, wherever the engine cuts it: in a header, in a character", async () => {
  const text = "[rank 0] \u00fc\u20ac\u{1f680}\n".repeat(50);
  const bytes = Buffer.concat([
    frame(2, Buffer.from(text)),
    frame(1, Buffer.from("{}\n")),
    frame(2, Buffer.from(text)),
  ]);
  const engine = new Engine(
    await daemon((_request, answer) => {
      answer.writeHead(200);
      for (let at = 0; at < bytes.length; at += 7) answer.write(bytes.subarray(at, at + 7));
      answer.end();
    }),
  );
  const got = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  await engine.follow("c", (stream, part) => got[stream].push(Buffer.from(part)), new AbortController().signal);
  expect([Buffer.concat(got.stdout).toString(), Buffer.concat(got.stderr).toString()]).toEqual(["{}\n", text + text]);
});

test("a stream that breaks off, and one that is no stream of frames, are told apart from an end", async () => {
  const broken = new Engine(
    await daemon(
      (_request, answer) => void answer.writeHead(200).write(frame(1, Buffer.from("x")), () => answer.destroy()),
    ),
  );
  const follow = (engine: Engine) => engine.follow("c", () => {}, new AbortController().signal);
  await expect(follow(broken)).rejects.toMatchObject({ code: "engine_unreachable" });
  const damaged = new Engine(await daemon((_request, answer) => answer.end("plain text of a terminal")));
  await expect(follow(damaged)).rejects.toMatchObject({ code: "engine_failed" });
});

test("a million short lines in one chunk need no stack", () => {
  let bytes = 0;
  const demultiplexer = new Demultiplexer((_stream, part) => {
    bytes += part.length;
  });
  demultiplexer.push(Buffer.concat(Array.from({ length: 100_000 }, () => frame(2, Buffer.from("x\n")))));
  expect(bytes).toBe(200_000);
});

test("engines are found as the docker command finds them", () => {
  const home = folder();
  const meta = (id: string, content: string) => {
    mkdirSync(join(home, ".docker/contexts/meta", id), { recursive: true });
    writeFileSync(join(home, ".docker/contexts/meta", id, "meta.json"), content);
  };
  meta(
    "a",
    '{"Name": "box", "Metadata": {}, "Endpoints": {"docker": {"Host": "ssh://me@box", "SkipTLSVerify": false}}}',
  );
  meta("b", "damaged");
  writeFileSync(join(home, ".docker/config.json"), '{"currentContext": "box", "auths": {}}');
  mkdirSync(join(home, "run/podman"), { recursive: true });
  writeFileSync(join(home, "run/podman/podman.sock"), "");
  const found = (env: NodeJS.ProcessEnv) =>
    findEndpoints({ env, platform: "linux", home }).map(({ name, address, current }) => [name, address, current]);
  const local = ["default", "unix:///var/run/docker.sock", false];
  expect(found({})).toEqual([["box", "ssh://me@box", true], local]);
  expect(found({ DOCKER_HOST: "tcp://10.0.0.1:2375", XDG_RUNTIME_DIR: join(home, "run") })).toEqual([
    ["default", "tcp://10.0.0.1:2375", true],
    ["box", "ssh://me@box", false],
    ["podman", `unix://${join(home, "run/podman/podman.sock")}`, false],
  ]);
  expect(() => findEndpoint("bax", { env: {}, platform: "linux", home })).toThrow("no container engine named bax");
});

test("contexts that cannot be listed are left out, and the machine's own engine is there", () => {
  const home = folder();
  mkdirSync(join(home, ".docker", "contexts"), { recursive: true });
  writeFileSync(join(home, ".docker", "contexts", "meta"), "");
  const found = findEndpoints({ env: {}, platform: "linux", home });
  expect(found.map(({ name }) => name)).toEqual(["default"]);
});

test("certificates that could not be read are read again at the next call", async () => {
  const tlsFolder = folder();
  mkdirSync(join(tlsFolder, "ca.pem"));
  const engine = new Engine({ ...endpoint("tcp://127.0.0.1:9"), tlsFolder });
  await expect(engine.facts()).rejects.toMatchObject({
    code: "access_denied",
    hint: expect.stringContaining("rights"),
  });
  rmSync(join(tlsFolder, "ca.pem"), { recursive: true });
  await expect(engine.facts()).rejects.toMatchObject({ code: "engine_unreachable" });
});

test.each<[string, Partial<ReturnType<typeof parseSshAddress>>]>([
  ["ssh://me@[::1]:2222", { host: "::1", user: "me", port: "2222" }],
  ["ssh://REALM%5Cme@box.example", { host: "box.example", user: "REALM\\me" }],
])("an address that ssh takes: %s", (address, expected) => {
  expect(parseSshAddress(address)).toMatchObject(expected);
});

test.each([
  "ssh://",
  "ssh://box;reboot",
  "ssh://$(reboot)",
  "ssh://-oProxyCommand=reboot",
  "ssh://a%60reboot%60@box",
  "ssh://-F@box",
  "ssh://a%ff@box",
  "ssh://me:secret@box",
  "ssh://box/a;reboot",
])("an address that would be more than one: %s", (address) => {
  expect(() => parseSshAddress(address)).toThrow(expect.objectContaining({ code: "usage" }));
});

test("ssh accepts nothing unasked, asks once, and shares its connection", () => {
  const address = parseSshAddress("ssh://me@box:2222");
  const words = diallingArguments(address, "/tmp/x");
  const options = (said: string[]) => said.filter((word) => word.includes("=")).sort();
  const waits = ["ConnectTimeout=15", "ServerAliveCountMax=3", "ServerAliveInterval=15"];
  const opens = ["ControlMaster=yes", "ControlPath=/tmp/x", "ControlPersist=60", ...waits];
  expect({
    dialling: options(words),
    opening: options(openingArguments(address, "/tmp/x", false)),
    asking: options(openingArguments(address, "/tmp/x", true)),
  }).toEqual({
    dialling: ["BatchMode=yes", "ControlMaster=no", "ControlPath=/tmp/x", "StrictHostKeyChecking=yes", ...waits].sort(),
    opening: ["BatchMode=yes", "StrictHostKeyChecking=yes", ...opens].sort(),
    asking: ["BatchMode=no", "StrictHostKeyChecking=ask", ...opens].sort(),
  });
  expect(words.slice(words.indexOf("-p"))).toEqual([
    "-p",
    "2222",
    "-l",
    "me",
    "--",
    "box",
    "docker",
    "system",
    "dial-stdio",
  ]);
});

test.each([
  [
    "Host key verification failed.",
    /The host key of box is not known: ssh-ed25519 SHA256:abc/,
    /accept it: ssh -p 2222 box/,
  ],
  [
    "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @",
    /is another than the known one/,
    /Somebody may be in between/,
  ],
  ["me@box: Permission denied (publickey).", /did not let this user in/, /ssh-add/],
  ["sh: 1: docker: not found", /There is no docker command on box/, /Install Docker there/],
  ["ssh: Could not resolve hostname box", /There is no ssh connection to box/, /Try it by hand/],
])("why ssh gives no connection: %s", (said, message, hint) => {
  const problem = sshProblem("ssh://me@box:2222", said, "ssh-ed25519 SHA256:abc");
  expect(problem).toMatchObject({
    code: "engine_unreachable",
    message: expect.stringMatching(message),
    hint: expect.stringMatching(hint),
  });
});
