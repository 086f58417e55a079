import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { type Fault, ServerDouble } from "../../../../e2e/eval-server-double.ts";
import { isPlain, serverAddressSchema } from "../../../common/servers.ts";
import { FileSecrets } from "../settings/index.ts";
import { ask, RequestProblem, ServerList } from "./index.ts";

/** Of nobody: a key that is in a repository protects nothing. */
const KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgZUk3UUFccwCYlW/W
qmegwy6CQhmD5++m9Q860jhKqvmhRANCAASlKn6OfCQuiqyQy7cxPyN9SXff1PIP
aInFEFHkq68JzWOAxTQ6np/eBfUhw1uT2EGNuuseI1g6FAr3tPGT2Dfm
-----END PRIVATE KEY-----
`;
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBkDCCATagAwIBAgIUfMwYuoWib6jMW6qYJU9DIxdhu/owCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJMTI3LjAuMC4xMCAXDTI2MTEyMTA0MzExNloYDzIxMjYxMDI4
MDQzMTE2WjAUMRIwEAYDVQQDDAkxMjcuMC4wLjEwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAASlKn6OfCQuiqyQy7cxPyN9SXff1PIPaInFEFHkq68JzWOAxTQ6np/e
BfUhw1uT2EGNuuseI1g6FAr3tPGT2Dfmo2QwYjAdBgNVHQ4EFgQU2cvgLaUNaJPL
hPxwkY0fCNat9IIwHwYDVR0jBBgwFoAU2cvgLaUNaJPLhPxwkY0fCNat9IIwDwYD
VR0TAQH/BAUwAwEB/zAPBgNVHREECDAGhwR/AAABMAoGCCqGSM49BAMCA0gAMEUC
IBGsBhgGk5dfzjsx5CI3dECZr0dCxhpa+S6h+vxUCvUMAiEAxwPg1Ueaa5J1Y8F7
p83yJgtRZEtsFmbkeGNZWHI0aiU=
-----END CERTIFICATE-----
`;

function bench() {
  const folder = mkdtempSync(join(tmpdir(), "crusader-servers-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const secrets = new FileSecrets({ dataFolder: folder });
  return { folder, secrets, list: new ServerList({ dataFolder: folder, secrets }) };
}

const box = { name: "box", address: "https://box.example:8000" };

test("a server is added, shown without its token, replaced and forgotten", () => {
  const { folder, list } = bench();
  const shown = { ...box, isPlain: false, hasToken: true };
  expect(list.add(box, "t-1")).toEqual([shown]);
  expect(list.add({ name: "old", address: "http://10.0.0.1:8000" }, null)).toEqual([
    shown,
    { name: "old", address: "http://10.0.0.1:8000", isPlain: true, hasToken: false },
  ]);
  expect(() => list.add(box, "t-2")).toThrow(/^There is a server named box already, at https:/);
  expect(list.access("box").token).toBe("t-1");
  expect(list.add(box, "t-2", { replace: true })).toHaveLength(2);
  expect(list.access("box")).toEqual({ ...box, token: "t-2" });
  expect(list.add(box, null, { replace: true, keepToken: true })[1]).toMatchObject({ name: "box", hasToken: true });
  const moved = { ...box, address: "https://other.example:8000" };
  expect(list.add(moved, null, { replace: true, keepToken: true })[1]).toMatchObject({ hasToken: false });
  list.add(box, "t-2", { replace: true });
  expect(list.remove("old")).toEqual([shown]);
  expect(list.remove("box")).toEqual([]);
  expect(readFileSync(join(folder, "secrets.json"), "utf8")).not.toContain("t-");
  expect(() => list.access("box")).toThrow("There is no evaluation server named box.");
});

test("a token belongs to an address: whoever changes the list by hand gets no token sent elsewhere", () => {
  const { folder, list } = bench();
  list.add(box, "t-1");
  const file = join(folder, "servers.json");
  writeFileSync(file, readFileSync(file, "utf8").replace("box.example", "thief.example"));
  expect(list.access("box")).toEqual({ name: "box", address: "https://thief.example:8000", token: null });
});

test("secrets are their owner's, also where a copy widened the rights", () => {
  const { folder, secrets } = bench();
  const file = join(folder, "secrets.json");
  secrets.write("a", "1");
  secrets.write("__proto__", "2");
  expect(statSync(file).mode & 0o777).toBe(0o600);
  chmodSync(file, 0o644);
  expect([secrets.read("a"), secrets.read("b"), secrets.read("constructor")]).toEqual(["1", null, null]);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  secrets.remove("a");
  expect(secrets.read("a")).toBeNull();
});

test.each([
  ["https://box.example:8000/", "https://box.example:8000"],
  ["http://127.0.0.1:8000/eval//", "http://127.0.0.1:8000/eval"],
  ["ftp://box.example", null],
  ["https://user:word@box.example", null],
  ["https://box.example/?a=b", null],
  ["box", null],
])("the address %s", (text, address) => {
  expect(serverAddressSchema.safeParse(text).data ?? null).toBe(address);
});

test.each([
  ["https://box.example", false],
  ["http://box.example", true],
  ["http://127.0.0.1:8000", false],
  ["http://localhost:8000", false],
  ["http://localhost.example", true],
])("%s: plain %s", (address, plain) => {
  expect(isPlain(address)).toBe(plain);
});

test.each<[Fault | null, string | null]>([
  [null, null],
  [{ kind: "status", status: 503 }, "answered 503: it is not ready."],
  [
    { kind: "status", status: 307, headers: { location: "http://127.0.0.1:1/" } },
    "answered 307: it redirects, which is not followed.",
  ],
  [{ kind: "cut" }, "cannot be asked: the connection broke."],
])("health: %j", async (fault, words) => {
  const { list } = bench();
  const server = await ServerDouble.start();
  onTestFinished(() => server.close());
  list.add({ name: "box", address: server.address }, "t-1");
  if (fault !== null) server.fail("health", fault);
  const { problem } = await list.check("box");
  if (words === null) expect(problem).toBeNull();
  else expect(problem?.message).toContain(words);
  expect(server.requests).toEqual([{ route: "health", authorization: undefined, jobId: null }]);
});

test("nobody there, no TLS there, and a certificate that nobody vouches for, each in words", async () => {
  const { list } = bench();
  const plain = await ServerDouble.start();
  const signed = await ServerDouble.start(0, createServer({ key: KEY, cert: CERTIFICATE }));
  onTestFinished(() => signed.close());
  const asked = async (address: string) => {
    list.add({ name: "box", address }, null, { replace: true });
    const { problem } = await list.check("box");
    return [problem?.code, problem?.message.split("cannot be asked: ")[1]];
  };
  expect(await asked(plain.address.replace("http:", "https:"))).toEqual([
    "server_unreachable",
    "it does not speak TLS there.",
  ]);
  const { address } = plain;
  await plain.close();
  expect(await asked(address)).toEqual(["server_unreachable", "nothing listens there."]);
  expect(await asked(signed.address.replace("http:", "https:"))).toEqual([
    "server_unreachable",
    "its certificate is signed by itself, so nothing vouches for it.",
  ]);
  expect(signed.requests).toEqual([]);
});

test("an answer that does not come is given up in time, and said to be in doubt", async () => {
  const server = await ServerDouble.start();
  onTestFinished(() => server.close());
  server.fail("status", { kind: "silent" });
  const asked = ask({ address: server.address, token: null }, { method: "GET", path: "/eval-status/a", timeoutMs: 50 });
  await expect(asked).rejects.toEqual(new RequestProblem("broken", "no whole answer came within 0 s"));
  await expect(asked).rejects.toMatchObject({ kind: "broken", receivedBytes: 0 });
});
