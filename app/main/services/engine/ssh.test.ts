/** Engines behind ssh: a real sshd on loopback, real keys, the machine's own engine at the other end. */
import { readFileSync } from "node:fs";
import { expect, onTestFinished, type TestContext, test } from "vitest";
import { findDocker, findSshServer } from "../../../../scripts/machine.mjs";
import type { AskSsh, SshQuestion } from "./askpass.ts";
import { Engine } from "./engine.ts";
import { LoopbackSsh, PASSPHRASE } from "./loopback-ssh.ts";
import { EnginePrompts } from "./prompts.ts";

const sshServer = findSshServer();
const docker = findDocker();

async function boxOr(context: TestContext): Promise<LoopbackSsh> {
  if ("missing" in sshServer) return context.skip(`needs ssh: ${sshServer.missing}`);
  if ("missing" in docker) return context.skip(`needs docker: ${docker.missing}`);
  const box = await LoopbackSsh.start(sshServer.program);
  onTestFinished(() => box.close());
  return box;
}

const endpoint = (address: string) => ({
  name: "box",
  address,
  current: false,
  tlsFolder: null,
  skipTlsVerify: false,
});

/** An engine there whose ssh asks `ask`, and what was asked. */
function engineAt(box: LoopbackSsh, answers: readonly (string | null)[] | null) {
  const asked: SshQuestion[] = [];
  const left = [...(answers ?? [])];
  const ask: AskSsh = async (question) => {
    asked.push(question);
    return left.shift() ?? null;
  };
  const ssh = box.connections({ ask: answers === null ? null : ask });
  return { ssh, asked, engine: new Engine(endpoint(box.address), { ssh }) };
}

const local = () =>
  new Engine({ ...endpoint("unix:///var/run/docker.sock"), name: "default" }).facts().then(({ id }) => id);

test("an engine behind ssh is the one that is there, over one connection for all calls", async (context) => {
  const box = await boxOr(context);
  const { engine, ssh } = engineAt(box, null);
  const other = new Engine(endpoint(box.address), { ssh, asks: false });
  const ids = await Promise.all([engine.facts(), engine.facts(), other.facts(), engine.facts()]);
  expect([...new Set(ids.map(({ id }) => id)), await engine.image("no/such:image")]).toEqual([await local(), null]);
  expect(box.breakConnections()).toBe(1);
});

test("a passphrase is asked once for all calls; a wrong one again, by ssh itself", async (context) => {
  const box = await boxOr(context);
  box.useKey("locked");
  const { engine, asked } = engineAt(box, ["wrong", PASSPHRASE]);
  const ids = await Promise.all([engine.facts(), engine.facts()]);
  const text = `Enter passphrase for key '${box.folder}/locked': `;
  const question = { address: box.address, kind: "secret", text };
  expect({ ids: ids.map(({ id }) => id), asked }).toEqual({
    ids: [await local(), await local()],
    asked: [
      { ...question, isRepeated: false },
      { ...question, isRepeated: true },
    ],
  });
});

test("a question that is declined ends the connection with words, and is asked again only when wanted", async (context) => {
  const box = await boxOr(context);
  box.useKey("locked");
  const { engine, asked, ssh } = engineAt(box, [null, PASSPHRASE]);
  const refused = { code: "engine_unreachable", message: expect.stringContaining("what it needed was not answered") };
  await expect(engine.facts()).rejects.toMatchObject(refused);
  await expect(engine.facts()).rejects.toMatchObject(refused);
  expect(asked.length).toBe(1);
  ssh.askAgain();
  expect(await engine.facts()).toMatchObject({ id: await local() });
  expect(asked.length).toBe(2);
});

test("where nobody can be asked, a locked key is refused with words", async (context) => {
  const box = await boxOr(context);
  box.useKey("locked");
  await expect(engineAt(box, null).engine.facts()).rejects.toMatchObject({
    code: "engine_unreachable",
    message: "box did not let this user in.",
    hint: expect.stringContaining("ssh-add"),
  });
});

test("who only looks asks nothing, and says that it could be answered", async (context) => {
  const box = await boxOr(context);
  box.useKey("locked");
  const { ssh, asked } = engineAt(box, [PASSPHRASE]);
  await expect(new Engine(endpoint(box.address), { ssh, asks: false }).facts()).rejects.toMatchObject({
    message: "box did not let this user in.",
    hint: "Check the engine, or start a run there: what ssh asks can then be answered.",
  });
  expect(asked).toEqual([]);
});

test("an unknown host key is shown and accepted by a person alone", async (context) => {
  const box = await boxOr(context);
  box.knowHost(null);
  const fingerprint = box.fingerprint("host");
  // Nobody to ask: named, and not accepted.
  await expect(engineAt(box, null).engine.facts()).rejects.toMatchObject({
    message: `The host key of box is not known: ssh-ed25519 ${fingerprint}.`,
    hint: expect.stringContaining("accept it: ssh box"),
  });
  const refused = engineAt(box, ["no"]);
  await expect(refused.engine.facts()).rejects.toMatchObject({ message: expect.stringContaining("is not known") });
  expect(readFileSync(box.knownHostsFile, "utf8")).toBe("");
  const { engine, asked } = engineAt(box, ["yes"]);
  expect(await engine.facts()).toMatchObject({ id: await local() });
  expect([...refused.asked, ...asked]).toEqual([
    { address: box.address, kind: "confirm", text: expect.stringContaining(fingerprint), isRepeated: false },
    { address: box.address, kind: "confirm", text: expect.stringContaining(fingerprint), isRepeated: false },
  ]);
  expect(readFileSync(box.knownHostsFile, "utf8")).toContain("ssh-ed25519");
});

test("a changed host key is refused, and nobody is asked to accept it", async (context) => {
  const box = await boxOr(context);
  await box.stopServer();
  await box.startServer("other-host");
  const { engine, asked } = engineAt(box, ["yes"]);
  await expect(engine.facts()).rejects.toMatchObject({
    code: "engine_unreachable",
    message: `The host key of box is another than the known one: ssh-ed25519 ${box.fingerprint("other-host")}.`,
    hint: expect.stringContaining("Somebody may be in between"),
  });
  expect(asked).toEqual([]);
});

test("a host that is down is out of reach, and back when it is up", async (context) => {
  const box = await boxOr(context);
  const { engine } = engineAt(box, null);
  await box.stopServer();
  await expect(engine.facts()).rejects.toMatchObject({
    code: "engine_unreachable",
    message: "There is no ssh connection to box.",
    detail: expect.stringContaining("Connection refused"),
  });
  await box.startServer("host");
  expect(await engine.facts()).toMatchObject({ id: await local() });
  box.breakConnections();
  // The shared connection is gone: it is noticed, and another is made.
  await expect.poll(() => engine.facts().then(({ id }) => id), { timeout: 60_000 }).toBe(await local());
});

test("a window sees the question and answers it; another window's answer comes too late", async (context) => {
  const box = await boxOr(context);
  box.useKey("locked");
  const prompts = new EnginePrompts();
  const engine = new Engine(endpoint(box.address), { ssh: box.connections({ ask: prompts.ask }) });
  const facts = engine.facts();
  const ending = new AbortController();
  for await (const open of prompts.watch(ending.signal)) {
    const [prompt] = open;
    if (prompt === undefined) continue;
    expect(open).toEqual([{ ...prompt, kind: "secret", address: box.address, isRepeated: false }]);
    expect([prompts.answer(prompt.id, PASSPHRASE), prompts.answer(prompt.id, "late")]).toEqual([true, false]);
    break;
  }
  expect(await facts).toMatchObject({ id: await local() });
});

test("an end of the app withdraws what is being asked", async (context) => {
  const box = await boxOr(context);
  box.useKey("locked");
  const withdrawn = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  const ssh = box.connections({
    ask: (_question, signal) => {
      asked.resolve();
      return new Promise((resolve) => {
        signal.addEventListener("abort", () => {
          withdrawn.resolve();
          resolve(null);
        });
      });
    },
  });
  const facts = new Engine(endpoint(box.address), { ssh }).facts();
  facts.catch(() => {});
  await asked.promise;
  await ssh.close();
  await withdrawn.promise;
  await expect(facts).rejects.toMatchObject({ code: "engine_unreachable", message: expect.stringContaining("ending") });
});
