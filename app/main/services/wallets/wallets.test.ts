import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { CrusaderError, type ErrorReport } from "../../../common/errors.ts";
import { addressOf, type Key, keyEncryption, listWallets, readKey, walletsFolder } from "./index.ts";

const FIXTURES = fileURLToPath(new URL("../../../../fixtures/wallets", import.meta.url));
const HOTKEYS = join(FIXTURES, "practice", "hotkeys");
type Written = Record<"publicKey" | "ss58Address", string> & Partial<Record<"privateKey" | "secretSeed", string>>;
const written = (...path: string[]): Written => JSON.parse(readFileSync(join(FIXTURES, "practice", ...path), "utf8"));
const PLAIN = written("hotkeys", "plain");
const ADDRESSES = {
  coldkey: written("coldkeypub.txt").ss58Address,
  plain: written("hotkeys", "plainpub.txt").ss58Address,
  encrypted: written("hotkeys", "encryptedpub.txt").ss58Address,
  ed25519: written("hotkeys", "ed25519pub.txt").ss58Address,
};

function emptyFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "crusader-wallets-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

async function reportOf(work: Promise<unknown>): Promise<ErrorReport> {
  const error = await work.then(
    () => expect.fail("it did not fail"),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(CrusaderError);
  return (error as CrusaderError).report();
}

/** As the files write it. */
function asWritten({ address, publicKey, privateKey, seed, scheme }: Key) {
  const hex = (bytes: Uint8Array | null) => (bytes === null ? null : `0x${Buffer.from(bytes).toString("hex")}`);
  return {
    ss58Address: address,
    publicKey: hex(publicKey),
    privateKey: hex(privateKey),
    secretSeed: hex(seed),
    scheme,
  };
}

function expectedOf({ ss58Address, publicKey, privateKey, secretSeed }: Written, scheme: Key["scheme"] = "sr25519") {
  return { ss58Address, publicKey, privateKey, secretSeed, scheme };
}

test("an address is that of its public key", () => {
  // The address that Substrate's own documentation gives to the development account Alice.
  const alice = "d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d";
  expect(addressOf(Buffer.from(alice, "hex"))).toBe("5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY");
  expect(() => addressOf(Buffer.alloc(31))).toThrow("a public key has 32 bytes");
});

test("wallets are where btcli keeps them", () => {
  expect(walletsFolder(join("home", "ada"))).toBe(join("home", "ada", ".bittensor", "wallets"));
});

test("wallets are listed by their public files", () => {
  const listed = (name: keyof typeof ADDRESSES) => ({ name, address: ADDRESSES[name], hasSecret: true });
  expect(listWallets(FIXTURES)).toEqual({
    wallets: [
      {
        name: "practice",
        coldkey: listed("coldkey"),
        hotkeys: [
          listed("ed25519"),
          listed("encrypted"),
          { name: "old", address: null, hasSecret: true },
          listed("plain"),
        ],
      },
    ],
    problems: [],
  });
});

test("what holds a secret is not read for the list, so its content changes nothing", () => {
  const folder = emptyFolder();
  cpSync(FIXTURES, folder, { recursive: true });
  const before = listWallets(folder);
  for (const name of ["plain", "encrypted", "old", "ed25519"])
    writeFileSync(join(folder, "practice", "hotkeys", name), PLAIN.ss58Address);
  writeFileSync(join(folder, "practice", "coldkey"), "{}");
  expect(listWallets(folder)).toEqual(before);
});

test("a wallet without secrets, one without a coldkey, and folders that are none", () => {
  const folder = emptyFolder();
  for (const name of ["watched/hotkeys", "cold", "half/hotkeys", "none", ".hidden"])
    mkdirSync(join(folder, name), { recursive: true });
  cpSync(join(HOTKEYS, "plainpub.txt"), join(folder, "watched", "hotkeys", "h1pub.txt"));
  cpSync(join(FIXTURES, "practice", "coldkeypub.txt"), join(folder, "cold", "coldkeypub.txt"));
  cpSync(join(HOTKEYS, "plain"), join(folder, "half", "hotkeys", "pub.txt"));
  cpSync(join(HOTKEYS, "plain"), join(folder, "half", "hotkeys", "x"));
  mkdirSync(join(folder, "half", "hotkeys", "folder"));
  writeFileSync(join(folder, "stray"), "x");
  const missing = { name: "coldkey", address: null, hasSecret: false };
  expect(listWallets(folder)).toEqual({
    wallets: [
      { name: "cold", coldkey: { name: "coldkey", address: ADDRESSES.coldkey, hasSecret: false }, hotkeys: [] },
      {
        name: "half",
        coldkey: missing,
        hotkeys: [
          { name: "pub.txt", address: null, hasSecret: true },
          { name: "x", address: null, hasSecret: true },
        ],
      },
      { name: "watched", coldkey: missing, hotkeys: [{ name: "h1", address: ADDRESSES.plain, hasSecret: false }] },
    ],
    problems: [],
  });
  expect(listWallets(join(folder, "not there"))).toEqual({ wallets: [], problems: [] });
});

test.each([
  ["no JSON", "x"],
  ["no object", "null"],
  ["another's address", JSON.stringify({ publicKey: PLAIN.publicKey, ss58Address: ADDRESSES.coldkey })],
  ["half a key", JSON.stringify({ publicKey: PLAIN.publicKey.slice(0, 34), ss58Address: ADDRESSES.plain })],
])("a public file that cannot be believed is said, and the rest is listed: %s", (_, content) => {
  const folder = emptyFolder();
  cpSync(FIXTURES, folder, { recursive: true });
  const file = join(folder, "practice", "hotkeys", "plainpub.txt");
  writeFileSync(file, content);
  const { wallets, problems } = listWallets(folder);
  expect(wallets[0]?.hotkeys.map(({ address }) => address)).toEqual([
    ADDRESSES.ed25519,
    ADDRESSES.encrypted,
    null,
    null,
  ]);
  expect(problems).toEqual([`${file} is damaged: it does not hold a public key and its address.`]);
});

test.skipIf(process.platform === "win32")("links are followed, loops and pipes end nothing (needs posix)", async () => {
  const folder = emptyFolder();
  symlinkSync(join(FIXTURES, "practice"), join(folder, "linked"));
  symlinkSync("loop", join(folder, "loop"));
  symlinkSync("gone", join(folder, "dangling"));
  mkdirSync(join(folder, "odd"));
  symlinkSync(".", join(folder, "odd", "hotkeys"));
  expect(spawnSync("mkfifo", [join(folder, "odd", "coldkey"), join(folder, "odd", "coldkeypub.txt")]).status).toBe(0);
  const pipe = join(folder, "odd", "coldkeypub.txt");
  const { wallets, problems } = listWallets(folder);
  expect([wallets.map(({ name }) => name), problems]).toEqual([
    ["linked"],
    [`${pipe} is no file.`, `${join(folder, "odd", "hotkeys", "coldkeypub.txt")} is no file.`],
  ]);
  expect(await reportOf(readKey(join(folder, "odd", "coldkey"), null))).toMatchObject({
    code: "wallet_unreadable",
    message: `${join(folder, "odd", "coldkey")} is no file.`,
  });
});

test("folders and files that may not be read are said", async (context) => {
  if (process.getuid?.() === 0 || process.platform === "win32")
    return context.skip("needs nonroot: root may read everything");
  const folder = emptyFolder();
  cpSync(FIXTURES, folder, { recursive: true });
  const [hotkeys, secret] = [join(folder, "practice", "hotkeys"), join(folder, "practice", "coldkey")];
  chmodSync(secret, 0);
  chmodSync(hotkeys, 0);
  onTestFinished(() => chmodSync(hotkeys, 0o700));
  expect(listWallets(folder).problems).toEqual([`${hotkeys} cannot be read (EACCES).`]);
  expect(await reportOf(readKey(secret, null))).toMatchObject({ code: "access_denied" });
});

test("how key files are encrypted", () => {
  const files = [
    join(FIXTURES, "practice", "coldkey"),
    ...["plain", "encrypted", "old"].map((name) => join(HOTKEYS, name)),
  ];
  expect(files.map(keyEncryption)).toEqual(["nacl", "none", "nacl", "ansible"]);
});

test("a plain key, whatever the password; a key of the other kind", async () => {
  const ed25519 = join(HOTKEYS, "ed25519");
  expect([
    asWritten(await readKey(join(HOTKEYS, "plain"), null)),
    asWritten(await readKey(join(HOTKEYS, "plain"), "unneeded")),
    asWritten(await readKey(ed25519, null)),
  ]).toEqual([expectedOf(PLAIN), expectedOf(PLAIN), expectedOf(written("hotkeys", "ed25519"), "ed25519")]);
});

test("a key of the older encryption, with its password and with none and another", async () => {
  const file = join(HOTKEYS, "old");
  expect(asWritten(await readKey(file, "an older pass"))).toEqual(expectedOf(PLAIN));
  expect(await reportOf(readKey(file, "another"))).toEqual({
    code: "wrong_password",
    message: `The password does not open ${file}.`,
    hint: "Should it be right, the file is damaged.",
    detail: "",
  });
  expect(await reportOf(readKey(file, null))).toMatchObject({
    code: "wrong_password",
    message: `${file} is encrypted: it needs its password.`,
  });
});

test("a key of today's encryption, with its password and with another", async () => {
  const file = join(HOTKEYS, "encrypted");
  const key = await readKey(file, "hot");
  expect([key.address, key.scheme, key.privateKey?.length, key.seed?.length]).toEqual([
    ADDRESSES.encrypted,
    "sr25519",
    64,
    32,
  ]);
  expect(await reportOf(readKey(file, "Hot"))).toMatchObject({ code: "wrong_password" });
});

test("who gives up waits no longer", async () => {
  const controller = new AbortController();
  const reading = readKey(join(HOTKEYS, "encrypted"), "hot", controller.signal);
  controller.abort(new CrusaderError("cancelled", "Given up."));
  expect(await reportOf(reading)).toMatchObject({ code: "cancelled" });
});

const PLANTED = "planted-secret-phrase";

test.each<[string, string | Buffer, Partial<ErrorReport>]>([
  ["nothing", "", { code: "wallet_unreadable" }],
  ["no JSON", `{"secretPhrase": "${PLANTED}`, { code: "wallet_unreadable" }],
  [
    "a secret only",
    JSON.stringify({ secretPhrase: PLANTED, ss58Address: PLAIN.ss58Address }),
    { code: "wallet_unreadable" },
  ],
  ["no secret", JSON.stringify({ ...PLAIN, privateKey: null, secretSeed: undefined }), { code: "wallet_unreadable" }],
  ["half a secret", JSON.stringify({ ...PLAIN, privateKey: `0x${PLANTED}` }), { code: "wallet_unreadable" }],
  ["another's address", JSON.stringify({ ...PLAIN, ss58Address: ADDRESSES.coldkey }), { code: "wallet_unreadable" }],
  ["an unknown kind", JSON.stringify({ ...PLAIN, cryptoType: 2 }), { code: "wallet_unreadable" }],
  ["a file that is no key's", Buffer.alloc(70_000, PLANTED), { code: "wallet_unreadable" }],
  ["today's encryption, torn", `$NACL${PLANTED}`, { code: "wallet_unreadable" }],
  [
    "the older encryption, torn",
    `$ANSIBLE_VAULT;1.1;AES256\n${Buffer.from(PLANTED).toString("hex")}`,
    { code: "wallet_unreadable" },
  ],
  ["the older encryption, of another kind", `$ANSIBLE_VAULT;1.2;AES128;x\n00`, { code: "wallet_unreadable" }],
  ["the oldest encryption", `gAAAAAB${PLANTED}`, { code: "unsupported" }],
])("a file with %s gives no key, and nothing of it gets out", async (_, content, expected) => {
  const file = join(emptyFolder(), "key");
  writeFileSync(file, content);
  const report = await reportOf(readKey(file, "password-of-mine"));
  expect(report).toEqual({ ...report, ...expected, detail: "" });
  expect(JSON.stringify(report)).not.toMatch(/planted|secret-phrase|password-of-mine/);
});

test("there is no file", async () => {
  const file = join(emptyFolder(), "key");
  expect(await reportOf(readKey(file, null))).toMatchObject({
    code: "not_found",
    message: `There is no file ${file}.`,
  });
});

/** Makes a wallet as people do, and prints what it holds. */
const WRITE = `
import json, sys
from bittensor_wallet import Wallet

folder, password = sys.argv[1:]
keys = {}
for hotkey, encrypted in (("bare", None), ("locked", password)):
    wallet = Wallet(name="made", hotkey=hotkey, path=folder)
    wallet.create_new_hotkey(use_password=encrypted is not None, hotkey_password=encrypted, overwrite=True, suppress=True)
    keys[hotkey] = wallet.get_hotkey(password=encrypted)
print("KEYS", json.dumps({name: [key.ss58_address, key.public_key.hex()] for name, key in keys.items()}))
`;

test("a wallet that PyPI's bittensor-wallet makes now is listed and read", async (context) => {
  const python = process.env.CRUSADER_PYTHON_ENV;
  if (!python) return context.skip("needs python: CRUSADER_PYTHON_ENV names no environment");
  if (spawnSync(python, ["-c", "import bittensor_wallet"]).status !== 0) {
    return context.skip("needs python: the environment lacks bittensor-wallet (simulator-image/requirements-test.txt)");
  }
  const folder = emptyFolder();
  const password = "gr\u00fc\u00dfe aus der Praxis";
  const { stdout, stderr, status } = spawnSync(python, ["-c", WRITE, folder, password], { encoding: "utf8" });
  expect([status, stderr]).toEqual([0, ""]);
  const keys: Record<"bare" | "locked", [string, string]> = JSON.parse(/^KEYS (.*)$/m.exec(stdout)?.[1] ?? "");
  const hotkey = (name: "bare" | "locked") => ({ name, address: keys[name][0], hasSecret: true });
  expect(listWallets(folder)).toEqual({
    wallets: [
      {
        name: "made",
        coldkey: { name: "coldkey", address: null, hasSecret: false },
        hotkeys: [hotkey("bare"), hotkey("locked")],
      },
    ],
    problems: [],
  });
  const read = async (name: string, given: string | null) => {
    const { address, publicKey } = await readKey(join(folder, "made", "hotkeys", name), given);
    return [address, Buffer.from(publicKey).toString("hex")];
  };
  expect([await read("bare", null), await read("locked", password)]).toEqual([keys.bare, keys.locked]);
});
