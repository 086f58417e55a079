import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { PracticeStatus } from "../../../common/practice.ts";
import { listWallets } from "../wallets/index.ts";
import { PracticeService } from "./index.ts";
import { Connection } from "./node-for-tests.ts";

const PACE_SECONDS = 0.25;

function bench() {
  const dataFolder = mkdtempSync(join(tmpdir(), "crusader-practice-"));
  onTestFinished(() => rmSync(dataFolder, { recursive: true }));
  const service = () => {
    const made = new PracticeService({ dataFolder, lookEveryMs: 20 });
    onTestFinished(() => made.close());
    return made;
  };
  return { dataFolder, service };
}

async function first(service: PracticeService, passes: (status: PracticeStatus) => boolean): Promise<PracticeStatus> {
  for await (const status of service.watch(undefined)) if (passes(status)) return status;
  throw new Error("the stream ended without it");
}

const STOPPED: PracticeStatus = {
  state: "stopped",
  isOwn: false,
  endpoint: null,
  filesOrigin: null,
  secondsPerBlock: null,
  netuid: null,
  block: null,
  finalizedBlock: null,
  round: null,
  hasChain: false,
  problem: null,
};

test("one process runs it, another finds and uses it, and either stops it", async () => {
  const { dataFolder, service } = bench();
  const [own, other] = [service(), service()];
  expect([await own.status(), own.place()]).toEqual([STOPPED, null]);
  await expect(other.createMiner({ wallet: "w", hotkey: "h" })).rejects.toMatchObject({ code: "not_found" });

  const started = await own.start(PACE_SECONDS);
  expect(started).toEqual({
    state: "running",
    isOwn: true,
    endpoint: expect.stringMatching(/^ws:\/\/127\.0\.0\.1:\d+$/),
    filesOrigin: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
    secondsPerBlock: PACE_SECONDS,
    netuid: 3,
    block: expect.any(Number),
    finalizedBlock: expect.any(Number),
    round: expect.any(Number),
    hasChain: true,
    problem: null,
  });
  expect((await other.start(12)).secondsPerBlock).toBe(PACE_SECONDS);
  expect(other.place()).toEqual(own.place());
  expect(await first(other, ({ block }) => (block ?? 0) >= 2)).toMatchObject({ state: "running", isOwn: false });

  const miner = await other.createMiner({ wallet: "newcomer", hotkey: "h1" });
  expect(miner).toMatchObject({ wallet: "newcomer", hotkey: "h1", uid: 2 });
  expect((await own.createMiner({ wallet: "newcomer", hotkey: "h2" })).uid).toBe(3);
  await expect(other.createMiner({ wallet: "newcomer", hotkey: "h1" })).rejects.toMatchObject({ code: "conflict" });
  const { wallets } = listWallets(join(dataFolder, "practice", "wallets"));
  expect(wallets.map(({ name, hotkeys }) => [name, hotkeys.map(({ name: hotkey }) => hotkey)])).toEqual([
    ["newcomer", ["h1", "h2"]],
  ]);

  const content = Buffer.from("def inner_steps(): ...");
  const { url } = await other.publish(content);
  expect(Buffer.from(await (await fetch(url)).arrayBuffer())).toEqual(content);

  expect(await other.stop()).toEqual({ ...STOPPED, hasChain: true });
  expect(await first(own, ({ state }) => state === "stopped")).toEqual({ ...STOPPED, hasChain: true });
  // The other one may have it now: same chain, same addresses, same pace.
  const again = await other.start();
  expect(again).toMatchObject({ isOwn: true, endpoint: started.endpoint, secondsPerBlock: PACE_SECONDS });
  expect(again.block ?? 0).toBeGreaterThanOrEqual(2);
  expect((await fetch(url)).status).toBe(200);
});

test("forgetting all of it leaves no chain, no file, no wallet, and the next one is another chain", async () => {
  const { dataFolder, service } = bench();
  const own = service();
  const genesis = async () => {
    const connection = await Connection.to(own.place()?.endpoint ?? "");
    onTestFinished(() => connection.close());
    return await connection.call("chain_getBlockHash", 0);
  };
  await own.start(PACE_SECONDS);
  await own.createMiner({ wallet: "newcomer", hotkey: "h1" });
  await own.publish(Buffer.from("a file"));
  const before = await genesis();
  expect(await own.reset()).toEqual(STOPPED);
  const left = ["chain.jsonl", "files", "wallets"].map((name) => existsSync(join(dataFolder, "practice", name)));
  expect(left).toEqual([false, false, false]);
  await own.start(PACE_SECONDS);
  expect(await genesis()).not.toBe(before);
});

test("a process that was killed leaves a note that misleads nobody", async () => {
  const { dataFolder, service } = bench();
  const own = service();
  await own.start(PACE_SECONDS);
  const file = join(dataFolder, "practice", "node.json");
  const note = readFileSync(file, "utf8");
  await own.stop();
  writeFileSync(file, note);
  expect(await own.status()).toEqual({ ...STOPPED, hasChain: true });
  expect(await own.stop()).toEqual({ ...STOPPED, hasChain: true });
  expect((await service().start(PACE_SECONDS)).isOwn).toBe(true);
});

test("whoever has the port of a killed process now is told nothing, and is no practice network", async () => {
  const { dataFolder, service } = bench();
  const own = service();
  await own.start(PACE_SECONDS);
  const file = join(dataFolder, "practice", "node.json");
  const note = readFileSync(file, "utf8");
  await own.close();
  writeFileSync(file, note);
  const asked: string[] = [];
  const stranger = createServer((request, response) => {
    asked.push(`${request.url} ${request.headers.authorization}`);
    response.end(JSON.stringify({ result: { block: 1, finalizedBlock: 1, round: 1, problem: null } }));
  });
  await new Promise<void>((resolve) => stranger.listen(JSON.parse(note).port, "127.0.0.1", resolve));
  onTestFinished(() => void stranger.close());
  const other = service();
  expect([other.place(), await other.status()]).toEqual([null, { ...STOPPED, hasChain: true }]);
  await expect(other.publish(Buffer.from("a secret"))).rejects.toMatchObject({ code: "not_found" });
  // Somebody else has the port: it gets another one.
  expect(await other.start(PACE_SECONDS)).toMatchObject({ isOwn: true, state: "running" });
  expect(asked).toEqual([]);
});

test("one that is just ending elsewhere is waited for", async () => {
  const { service } = bench();
  const [own, other] = [service(), service()];
  await own.start(PACE_SECONDS);
  // Not awaited: it is stopped, and still has its lock.
  const ending = own.close();
  expect((await other.start(PACE_SECONDS)).isOwn).toBe(true);
  await ending;
  expect(await own.reset()).toEqual(STOPPED);
  expect(await other.status()).toEqual(STOPPED);
});

test("who does not have the token may not ask, nor may a page", async () => {
  const { dataFolder, service } = bench();
  const own = service();
  const { filesOrigin } = await own.start(PACE_SECONDS);
  const { running } = JSON.parse(readFileSync(join(dataFolder, "practice", "node.json"), "utf8"));
  const ask = async (headers: Record<string, string>) =>
    (await fetch(`${filesOrigin}/control/height`, { method: "POST", body: "{}", headers })).status;
  const authorization = `Bearer ${running.token}`;
  expect([
    await ask({}),
    await ask({ authorization: "Bearer x" }),
    await ask({ authorization, origin: "https://page.example" }),
    await ask({ authorization }),
  ]).toEqual([403, 403, 404, 200]);
});
