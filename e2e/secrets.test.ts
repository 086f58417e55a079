/** What is secret about a key stays where it is: planted passwords, seeds, private keys and phrases, and where they do not turn up. */
import { spawn } from "node:child_process";
import { createCipheriv, createHmac, pbkdf2Sync, randomBytes } from "node:crypto";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { createORPCClient } from "@orpc/client";
import { RPCLink } from "@orpc/client/websocket";
import { decodeAddress } from "@polkadot/util-crypto/address";
import { expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import type { UnsignedExtrinsic } from "../app/common/chain.ts";
import type { Client } from "../app/common/contract.ts";
import { SUBMISSION_STEPS } from "../app/common/submission.ts";
import type { KeyReference } from "../app/common/wallets.ts";
import { bench, stepOf, until } from "../app/main/services/submission/bench.ts";
import { SigningRequests, WalletService, writeThrowawayWallet } from "../app/main/services/wallets/index.ts";

const HOST = fileURLToPath(new URL("secrets-host.ts", import.meta.url));
const FIXTURES = fileURLToPath(new URL("../fixtures/wallets", import.meta.url));

const RIGHT_PASSWORD = "an older pass";
const WRONG_PASSWORD = "planted wrong word";
const PLANTED_CONTENT = "planted damaged content";

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "crusader-secrets-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Every form in which it might be written down. */
function forms(secret: string): Buffer[] {
  const isHex = /^0x[0-9a-f]+$/.test(secret);
  const bytes = isHex ? Buffer.from(secret.slice(2), "hex") : Buffer.from(secret);
  const texts = isHex
    ? [secret.slice(2), secret.slice(2).toUpperCase()]
    : [secret, encodeURIComponent(secret), bytes.toString("hex")];
  const base64 = [bytes.toString("base64"), bytes.toString("base64url")].map((text) =>
    text.replace(/=+$/, "").slice(0, -1),
  );
  return [bytes, ...[...texts, ...base64].map((text) => Buffer.from(text))];
}

function turnsUp(secrets: Record<string, string>, content: Buffer): string[] {
  return Object.entries(secrets).flatMap(([name, secret]) =>
    forms(secret).some((form) => content.includes(form)) ? [name] : [],
  );
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

function prepared(address: string): UnsignedExtrinsic {
  return {
    call: { kind: "set_commitment", netuid: 3, encrypted: "0x00", revealRound: 1 },
    decoded: { name: "Commitments.set_commitment", arguments: [] },
    payload: {
      address,
      blockHash: `0x${"11".repeat(32)}`,
      blockNumber: "0x00000001",
      era: "0x0500",
      genesisHash: `0x${"22".repeat(32)}`,
      method: "0x0700",
      nonce: "0x00000000",
      specVersion: "0x00000157",
      tip: "0x00",
      transactionVersion: "0x00000001",
      signedExtensions: [],
      version: 4,
    },
    signedBytes: "0x0700",
    byteCount: 2,
    nonce: 0,
    firstBlock: 1,
    lastBlock: 64,
    specVersion: 343,
    feeRao: null,
  };
}

test("no secret of a key gets into a message, a log, a file, the diagnostics or the report of a crash", async () => {
  const folder = temporaryFolder();
  cpSync(FIXTURES, join(folder, "wallets"), { recursive: true });
  const hotkeys = join(folder, "wallets", "practice", "hotkeys");
  const plain = JSON.parse(readFileSync(join(hotkeys, "plain"), "utf8"));
  writeFileSync(join(hotkeys, "oldpub.txt"), readFileSync(join(hotkeys, "plainpub.txt")));
  writeFileSync(join(hotkeys, "damaged"), `{"secretPhrase": "${PLANTED_CONTENT}`);
  const secrets = {
    seed: plain.secretSeed,
    privateKey: plain.privateKey,
    phrase: plain.secretPhrase,
    password: RIGHT_PASSWORD,
    wrongPassword: WRONG_PASSWORD,
    content: PLANTED_CONTENT,
  };
  // The search finds what is there.
  expect(turnsUp(secrets, readFileSync(join(hotkeys, "plain")))).toEqual(["seed", "privateKey", "phrase"]);
  expect(turnsUp(secrets, Buffer.from(`p=${encodeURIComponent(RIGHT_PASSWORD)}`))).toEqual(["password"]);

  const unsigned = prepared(plain.ss58Address);
  writeFileSync(join(folder, "prepared.json"), JSON.stringify([unsigned]));
  mkdirSync(join(folder, "renderer"));
  writeFileSync(join(folder, "renderer", "index.html"), "<!doctype html><title>Crusader</title>");
  const reports = join(folder, "reports");
  mkdirSync(reports);
  const host = spawn(process.execPath, ["--report-uncaught-exception", `--report-directory=${reports}`, HOST, folder], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  onTestFinished(() => void host.kill("SIGKILL"));
  const printed: Buffer[] = [];
  host.stdout.on("data", (bytes: Buffer) => printed.push(bytes));
  host.stderr.on("data", (bytes: Buffer) => printed.push(bytes));
  const { value: address } = await createInterface({ input: host.stdout })[Symbol.asyncIterator]().next();
  expect(address ?? Buffer.concat(printed).toString()).toMatch(/^http/);
  const { port } = new URL(address as string);
  const entered = await fetch(address as string, { redirect: "manual" });
  const cookie = (entered.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
  const socket = new WebSocket(`ws://127.0.0.1:${port}/rpc`, {
    headers: { cookie, origin: `http://127.0.0.1:${port}` },
  });
  const received: Buffer[] = [];
  socket.on("message", (bytes: Buffer) => received.push(bytes));
  await once(socket, "open");
  const client: Client = createORPCClient(new RPCLink({ websocket: socket as never }));

  const key = (name: string): KeyReference => ({ place: "bittensor", wallet: "practice", hotkey: name });
  const { payload } = unsigned;
  const sign = (name: string, password: unknown, given = payload) =>
    client.wallets
      .sign({ key: key(name), payload: given, password: password as string | null })
      .then(({ signature }) => signature.length)
      .catch(({ code }: { code: string }) => code);
  expect([
    (await client.wallets.list()).problems,
    await client.wallets.needsPassword({ key: key("old") }),
    await client.wallets.addressOf({ key: key("plain") }),
    await sign("plain", null),
    await sign("old", RIGHT_PASSWORD),
    await sign("old", WRONG_PASSWORD),
    await sign("damaged", WRONG_PASSWORD),
    await sign("old", RIGHT_PASSWORD, { ...payload, nonce: "0x01" }),
    await sign("old", WRONG_PASSWORD.repeat(100)),
    await sign("old", { [WRONG_PASSWORD]: RIGHT_PASSWORD }),
    await sign(`../${WRONG_PASSWORD}`, null),
  ]).toEqual([
    [],
    { needsPassword: true },
    { address: plain.ss58Address },
    132,
    132,
    "wrong_password",
    "wallet_unreadable",
    "conflict",
    "usage",
    "usage",
    "usage",
  ]);
  const { text } = await client.app.diagnostics();
  // No call at all: the connection is ended over it.
  socket.send(`{"i":"9","p":{"u":"/wallets/sign","b":{"json":{"password":"${RIGHT_PASSWORD}"`);
  await once(socket, "close");
  host.stdin.write("crash\n");
  const [code] = await once(host, "close");
  expect(code).not.toBe(0);

  expect(turnsUp(secrets, Buffer.concat(received))).toEqual([]);
  expect(turnsUp(secrets, Buffer.from(text))).toEqual([]);
  expect(Buffer.concat(printed).toString()).toContain("a bug of ours");
  expect(turnsUp(secrets, Buffer.concat(printed))).toEqual([]);
  const crashReports = filesIn(reports);
  expect(crashReports.length).toBe(1);
  expect(filesIn(join(folder, "data")).length).toBeGreaterThan(0);
  for (const file of [...crashReports, ...filesIn(join(folder, "data"))]) {
    expect([file, turnsUp(secrets, readFileSync(file))]).toEqual([file, []]);
  }
});

/** As ansible-vault 1.1 writes it, which opens in no time. */
function encrypted(content: Buffer, password: string): string {
  const salt = randomBytes(32);
  const derived = pbkdf2Sync(password, salt, 10_000, 80, "sha256");
  const padding = 16 - (content.length % 16);
  const cipher = createCipheriv("aes-256-ctr", derived.subarray(0, 32), derived.subarray(64));
  const box = Buffer.concat([cipher.update(Buffer.concat([content, Buffer.alloc(padding, padding)])), cipher.final()]);
  const mac = createHmac("sha256", derived.subarray(32, 64)).update(box).digest("hex");
  const body = Buffer.from([salt.toString("hex"), mac, box.toString("hex")].join("\n")).toString("hex");
  return `$ANSIBLE_VAULT;1.1;AES256\n${body}\n`;
}

test("a submission that was paid for and committed with key files keeps none of their secrets", async () => {
  const folder = temporaryFolder();
  const { coldkeyAddress, hotkeyAddress } = await writeThrowawayWallet(folder, { wallet: "w", hotkey: "h" });
  const files = { coldkey: join(folder, "w", "coldkey"), hotkey: join(folder, "w", "hotkeys", "h") };
  const [coldkey, hotkey] = [files.coldkey, files.hotkey].map((file) => JSON.parse(readFileSync(file, "utf8")));
  const password = "planted and right";
  writeFileSync(files.coldkey, encrypted(readFileSync(files.coldkey), password));
  const secrets = {
    password,
    seed: coldkey.secretSeed,
    privateKey: coldkey.privateKey,
    hotkeySeed: hotkey.secretSeed,
    hotkeyPrivateKey: hotkey.privateKey,
  };
  const requests = new SigningRequests();
  const wallets = new WalletService({ folders: { practice: folder, bittensor: folder }, requests });
  const { node, service, order, dataFolder } = await bench({
    needs: { addressOf: (key) => wallets.addressOf(key), signing: requests },
  });
  await node.admit({
    hotkey: decodeAddress(hotkeyAddress),
    coldkey: decodeAddress(coldkeyAddress),
    rao: 10_000_000_000n,
  });
  const key = (name: string | null): KeyReference => ({ place: "practice", wallet: "w", hotkey: name });
  const { id } = await service.begin({
    ...order,
    hotkey: { kind: "file", key: key("h") },
    coldkey: { kind: "file", key: key(null) },
  });
  for (const step of SUBMISSION_STEPS) {
    const { unsigned } = stepOf(await service.prepare(id), step);
    if (unsigned === null) throw new Error(`${step} was not prepared`);
    const isCommit = step === "commit";
    const signature = await wallets.sign(key(isCommit ? "h" : null), unsigned.payload, isCommit ? null : password);
    const hex = `0x${Buffer.from(signature).toString("hex")}`;
    await service.send({ id, step, signed: { kind: "signature", signature: hex } });
    node.mine(3);
    await until(service, id, (submission) => stepOf(submission, step).state === "finalized");
    // What is over is signed no more.
    await expect(wallets.sign(key(isCommit ? "h" : null), unsigned.payload, password)).rejects.toMatchObject({
      code: "conflict",
    });
  }
  expect(turnsUp(secrets, Buffer.from(JSON.stringify(service.list())))).toEqual([]);
  const kept = filesIn(dataFolder);
  expect(kept.map((file) => basename(file)).sort()).toEqual(expect.arrayContaining(["journal.jsonl", "request.json"]));
  for (const file of kept) expect([file, turnsUp(secrets, readFileSync(file))]).toEqual([file, []]);
});
