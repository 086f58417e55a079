/** Who gets in, and what is served to them: real sockets, real files. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { startWebHost, type WebHost } from "../../app/main/hosts/web/index.ts";
import { refusal } from "../../app/main/hosts/web/policy.ts";
import { CONTENT_SECURITY_POLICY } from "../../app/main/router/page.ts";
import { RunStore } from "../../app/main/services/runs/index.ts";
import { enter, makeRenderer, makeServices, makeWebHost, openWebPage, temporaryFolder } from "./harness.ts";

async function bench() {
  const folder = temporaryFolder();
  const { services } = makeServices(folder);
  onTestFinished(() => services.close());
  const start = async (options: { port?: number; newToken?: boolean } = {}) => {
    const host = await makeWebHost(folder, { services, ...options });
    onTestFinished(() => host.close());
    return host;
  };
  return { folder, services, start };
}

type Answer = { status: number; headers: IncomingMessage["headers"]; body: string };

/** As it is written: `fetch` would tidy up paths and forbid headers. */
function ask(host: WebHost, path: string, headers: Record<string, string> = {}, method = "GET"): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      { host: "127.0.0.1", port: host.port, path, headers, method, agent: false },
      (response) => {
        const parts: Buffer[] = [];
        response.on("data", (part: Buffer) => parts.push(part));
        response.on("end", () => {
          const body = Buffer.concat(parts).toString("utf8");
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body });
        });
      },
    );
    request.on("error", reject);
    request.end();
  });
}

/** "open", the status of a refused upgrade, or the code and reason of a close. */
async function knock(host: WebHost, headers: Record<string, string>, path = "/rpc"): Promise<string> {
  const socket = new WebSocket(`ws://127.0.0.1:${host.port}${path}`, { headers });
  onTestFinished(() => socket.terminate());
  return new Promise((resolve) => {
    socket.on("unexpected-response", (_request, response) => resolve(String(response.statusCode)));
    socket.on("close", (code, reason) => resolve(`${code} ${reason}`));
    socket.on("open", () => socket.ping());
    socket.on("pong", () => resolve("open"));
    socket.on("error", () => {});
  });
}

const own = (host: WebHost) => `http://127.0.0.1:${host.port}`;

test("without the cookie nothing is served, whatever is asked", async () => {
  const { start } = await bench();
  const host = await start();
  for (const path of ["/", "/index.html", "/assets/index-Abc_12345.js", "/rpc", "/favicon.ico", "/absent"]) {
    const { status, body } = await ask(host, path);
    expect([path, status, body.includes("crusader serve"), body.includes("built")]).toEqual([path, 403, true, false]);
  }
});

test("the token lets one browser in, once; a wrong one nobody", async () => {
  const { start } = await bench();
  const host = await start();
  const address = host.url();
  for (const wrong of ["", "x", "x".repeat(5000), `${new URL(address).searchParams.get("token")}x`]) {
    expect((await ask(host, `/?token=${wrong}`)).status).toBe(403);
  }
  const { pathname, search } = new URL(address);
  const first = await ask(host, pathname + search);
  expect([first.status, first.headers.location]).toEqual([303, "/"]);
  expect(first.headers["set-cookie"]?.[0]).toMatch(
    new RegExp(`^crusader-${host.port}=[\\w.-]+; HttpOnly; SameSite=Strict; Path=/; Max-Age=2592000$`),
  );
  const second = await ask(host, pathname + search);
  expect([second.status, second.headers["set-cookie"]]).toEqual([403, undefined]);
  // The next address is for the next browser.
  expect(host.url()).not.toBe(address);
  expect(await enter(host)).toMatch(/^crusader-\d+=/);
});

test("a HEAD request uses no token up", async () => {
  const { start } = await bench();
  const host = await start();
  const { pathname, search } = new URL(host.url());
  expect((await ask(host, pathname + search, {}, "HEAD")).status).toBe(403);
  expect((await ask(host, pathname + search)).status).toBe(303);
});

test("the cookie opens files and connection, and survives a restart; a new token ends it", async () => {
  const { start } = await bench();
  const first = await start();
  const cookie = await enter(first);
  expect((await ask(first, "/", { cookie })).status).toBe(200);
  await first.close();
  const restarted = await start({ port: first.port });
  expect((await ask(restarted, "/", { cookie })).status).toBe(200);
  const { client } = await openWebPage(restarted, cookie);
  expect(await client.app.versions()).toHaveProperty("crusader");
  await restarted.close();
  const anew = await start({ port: first.port, newToken: true });
  expect((await ask(anew, "/", { cookie })).status).toBe(403);
  expect(await knock(anew, { cookie, origin: own(anew) })).toBe("1008 This browser was not let in.");
});

test("a cookie that was changed, or of another port, is none", async () => {
  const { start } = await bench();
  const host = await start();
  const cookie = await enter(host);
  const [name = "", value = ""] = cookie.split("=");
  const [issued = "", random = "", signature = ""] = value.split(".");
  const forged = [
    `${name}=`,
    `${name}=${Number(issued) + 1}.${random}.${signature}`,
    `${name}=${issued}.${random}x.${signature}`,
    `${name}=${issued}.${random}.${signature.slice(1)}`,
    `${name}=..`,
    `crusader-1=${value}`,
  ];
  for (const wrong of forged) expect((await ask(host, "/", { cookie: wrong })).status).toBe(403);
  expect((await ask(host, "/", { cookie: `a=b; ${cookie}; c` })).status).toBe(200);
  const other = await start();
  expect((await ask(other, "/", { cookie: `crusader-${other.port}=${value}` })).status).toBe(403);
});

test("a rebinding Host and a foreign Origin are refused, with the cookie too", async () => {
  const { start } = await bench();
  const host = await start();
  const cookie = await enter(host);
  const { port } = host;
  for (const name of ["evil.example", `evil.example:${port}`, `127.0.0.1.evil.example:${port}`, "0.0.0.0", "a b"]) {
    expect([name, (await ask(host, "/", { cookie, host: name })).status]).toEqual([name, 403]);
    expect([name, await knock(host, { cookie, host: name, origin: `http://${name}` })]).toEqual([name, "403"]);
  }
  for (const origin of [
    "http://evil.example",
    `http://localhost:${port}`,
    `http://127.0.0.1:${port + 1}`,
    "null",
    `https://127.0.0.1:${port}`,
  ]) {
    expect([origin, (await ask(host, "/", { cookie, origin })).status]).toEqual([origin, 403]);
    expect([origin, await knock(host, { cookie, origin })]).toEqual([origin, "403"]);
  }
  expect(await knock(host, { cookie })).toBe("403");
  expect(await knock(host, { cookie, origin: own(host), "sec-fetch-site": "cross-site" })).toBe("403");
  expect(await knock(host, { cookie, origin: own(host) }, "/other")).toBe("403");
  expect(await knock(host, { origin: own(host) })).toBe("1008 This browser was not let in.");
  expect(await knock(host, { cookie, origin: own(host) })).toBe("open");
});

test("through a tunnel another port is fine", () => {
  const asking = { method: "GET", origin: undefined, fetchSite: "none", isUpgrade: false };
  expect(refusal({ ...asking, host: "localhost:9000" })).toBeNull();
  expect(refusal({ ...asking, host: "[::1]:9000", origin: "http://[::1]:9000" })).toBeNull();
  expect(refusal({ ...asking, host: "localhost:9000", method: "POST" })).toBe("Only GET is served.");
});

test("files come with their type, the policy, and the caching that fits them", async () => {
  const { start } = await bench();
  const host = await start();
  const cookie = await enter(host);
  const page = await ask(host, "/", { cookie });
  expect({ status: page.status, body: page.body }).toEqual({
    status: 200,
    body: "<!doctype html><title>Crusader</title>",
  });
  expect(page.headers).toMatchObject({
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-cache",
    "content-security-policy":
      "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; font-src 'self'; img-src 'self' data:; connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
  });
  const script = await ask(host, "/assets/index-Abc_12345.js", { cookie, "accept-encoding": "gzip, br" });
  expect(script.headers).toMatchObject({
    "content-type": "text/javascript; charset=utf-8",
    "cache-control": "private, max-age=31536000, immutable",
    "content-encoding": "gzip",
    "content-security-policy": CONTENT_SECURITY_POLICY,
  });
  expect((await ask(host, "/assets/index-Abc_12345.js", { cookie }, "HEAD")).body).toBe("");
  expect((await ask(host, "/", { cookie }, "POST")).status).toBe(403);
});

test("no address leads out of the folder", async () => {
  const { start } = await bench();
  const host = await start();
  const cookie = await enter(host);
  const paths = [
    "/../secret.txt",
    "/assets/../../secret.txt",
    "/%2e%2e/secret.txt",
    "/..%2fsecret.txt",
    "/..%5csecret.txt",
    "/assets/%2e%2e%2f%2e%2e%2fsecret.txt",
    "//etc/passwd",
    "/assets",
    "/assets/",
    "/%00",
    "/index.html%00.js",
    "http://elsewhere.example/index.html/../../secret.txt",
  ];
  for (const path of paths) {
    const { status, body } = await ask(host, path, { cookie });
    expect([path, status === 404 || status === 400, body.includes("outside")]).toEqual([path, true, false]);
  }
});

test("what is no HTTP, and headers without end, hurt nobody", async () => {
  const { start } = await bench();
  const host = await start();
  for (const sent of ["\u0000\u0001\u0002\r\n\r\n", `GET / HTTP/1.1\r\nx: ${"y".repeat(100_000)}\r\n\r\n`]) {
    const socket = connect(host.port, "127.0.0.1");
    socket.on("error", () => {});
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.resume().end(sent);
    await closed;
  }
  expect((await ask(host, "/")).status).toBe(403);
});

test("it listens on this machine only, says when a port is taken, and when the window is not built", async () => {
  const { start, folder, services } = await bench();
  const host = await start();
  const outside = Object.values(networkInterfaces())
    .flat()
    .find((network) => network?.internal === false && network.family === "IPv4");
  if (outside !== undefined) {
    const socket = connect(host.port, outside.address);
    const refused = await new Promise((resolve) => {
      socket.once("error", ({ message }) => resolve(message));
      socket.once("connect", () => resolve("connected"));
    });
    expect(refused).toMatch(/ECONNREFUSED/);
  }
  const again = startWebHost({ services, rendererFolder: makeRenderer(folder), port: host.port, newToken: false });
  await expect(again).rejects.toMatchObject({ code: "busy", message: `Port ${host.port} is taken.` });
  const unbuilt = startWebHost({ services, rendererFolder: join(folder, "absent"), port: 0, newToken: false });
  await expect(unbuilt).rejects.toMatchObject({ code: "unsupported", message: "The window is not built." });
});

test("a slow window holds back its own stream, not the host's memory", async () => {
  const { start, services } = await bench();
  const host = await start();
  const cookie = await enter(host);
  const { client } = await openWebPage(host, cookie);
  const target = { kind: "text", name: "a.py", text: "print", file: null } as const;
  const { runId } = await client.simulation.start({ backend: "scripted", sandbox: "none", repeats: 1, target });
  const updates = await Array.fromAsync(await client.simulation.events({ runId }));
  expect(updates.at(-1)?.outputBytes).toBeGreaterThan(1024 * 1024);
  const { totalBytes } = await client.runs.output({ runId });
  let offset = 0;
  let read = "";
  for (let pages = 0; offset < totalBytes && pages < 100; pages += 1) {
    const page = await client.runs.output({ runId, offset });
    offset = page.nextOffset;
    read += page.text;
  }
  expect(read).toBe(services.store.output(runId).toString("utf8"));
});

const SERVE = new URL("../../app/main/cli/serve.ts", import.meta.url).href;

function serve(folder: string, args: readonly string[]) {
  const command = `const { serveCommand } = await import(${JSON.stringify(SERVE)});
    process.exitCode = await serveCommand(${JSON.stringify(args)}, process, ${JSON.stringify(makeRenderer(folder))});`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", command], {
    env: { ...process.env, CRUSADER_HOME: join(folder, "data") },
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
}

test("crusader serve: prints where, lets in, says so, and ends when asked", async () => {
  const { child, lines } = serve(temporaryFolder(), ["--port", "0"]);
  const address = ((await lines.next()).value as string).match(/http:\S+/)?.[0] ?? "";
  expect((await lines.next()).value).toMatch(/ssh -N -L (\d+):127\.0\.0\.1:\1 \S+@\S+$/);
  expect((await lines.next()).value).toBe("Ctrl-C ends it.");
  const host = { port: Number(new URL(address).port), url: () => address, close: async () => {} };
  const { client, closed } = await openWebPage(host, await enter(host));
  expect((await lines.next()).value).toMatch(/^A browser was let in\. For another one: http:/);
  expect(await client.app.versions()).toMatchObject({ node: process.versions.node });
  child.kill("SIGTERM");
  const [[code, signal]] = await Promise.all([once(child, "exit"), closed]);
  expect([code, signal]).toEqual([0, null]);
});

test("kill -9 of the host: the run is interrupted, nothing of it lives, and the window is told", async () => {
  const folder = temporaryFolder();
  const harness = JSON.stringify(new URL("killed-host.ts", import.meta.url).href);
  const command = `const { runUntilKilled } = await import(${harness}); await runUntilKilled(${JSON.stringify(folder)});`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", command]);
  onTestFinished(() => void child.kill("SIGKILL"));
  const runId = (await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next()).value as string;
  child.kill("SIGKILL");
  await once(child, "exit");
  const { services } = makeServices(folder);
  onTestFinished(() => services.close());
  const host = await makeWebHost(folder, { services });
  onTestFinished(() => host.close());
  const { client } = await openWebPage(host, await enter(host));
  const last = (await Array.fromAsync(await client.simulation.events({ runId }))).at(-1);
  expect(last).toMatchObject({ number: 1, status: { state: "interrupted" }, result: null });
  await services.cleanUp();
  expect(await client.simulation.active()).toEqual([]);
});

test("the end of a host ends its runs, recorded as cancelled", async () => {
  const folder = temporaryFolder();
  const { services } = makeServices(folder);
  const host = await makeWebHost(folder, { services });
  const { client } = await openWebPage(host, await enter(host));
  const target = { kind: "text", name: "a.py", text: "polite", file: null } as const;
  const { runId } = await client.simulation.start({ backend: "scripted", sandbox: "none", repeats: 1, target });
  await host.close();
  await services.close();
  const store = new RunStore({ dataFolder: join(folder, "data") });
  onTestFinished(() => store.close());
  expect(store.show(runId)).toMatchObject({ state: "cancelled", result: { outcome: "cancelled" } });
});

test("diagnostics name neither folders nor people", async () => {
  const { start, folder, services } = await bench();
  writeFileSync(join(folder, "home", "note"), "");
  const host = await start();
  const { client } = await openWebPage(host, await enter(host));
  await client.settings.change({ panels: { editor: { open: "/home/somebody/secret.py" } } });
  const { text } = await client.app.diagnostics();
  expect(JSON.parse(text)).toMatchObject({ versions: { node: process.versions.node }, runsTotal: 0 });
  expect(text).not.toContain(services.dataFolder);
  expect(text).not.toContain("somebody");
  const key = readFileSync(join(services.dataFolder, "web-key"), "utf8").trim();
  expect(text).not.toContain(key);
});
