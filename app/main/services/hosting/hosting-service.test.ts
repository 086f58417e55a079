import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { CrusaderError, type ErrorReport } from "../../../common/errors.ts";
import type { Secrets } from "../settings/index.ts";
import { HostingService } from "./index.ts";
import { makeGitHub } from "./made-github.ts";

const TEXT = "# \u{1f980}\r\ndef inner_steps():\n    pass\n";
const CODE = { fileName: "train.py", bytes: Buffer.from(TEXT) };
const SHA256 = createHash("sha256").update(CODE.bytes).digest("hex");
const TOKEN = "ghp_planted0123456789";
const FIRST_ID = `${"a".repeat(31)}1`;
const FIRST_URL = `https://gist.github.com/ann/${FIRST_ID}`;

class KeptSecrets implements Secrets {
  readonly kept = new Map<string, string>();
  read = (name: string) => this.kept.get(name) ?? null;
  write = (name: string, secret: string) => void this.kept.set(name, secret);
  remove = (name: string) => void this.kept.delete(name);
}

type Misbehaviour = (request: IncomingMessage, response: ServerResponse) => boolean;

async function bench({ misbehave, committed = [] }: { misbehave?: Misbehaviour; committed?: string[] } = {}) {
  const gitHub = await makeGitHub({ [TOKEN]: "ann", ghp_of_bob_123: "bob" }, misbehave);
  onTestFinished(gitHub.close);
  const secrets = new KeptSecrets();
  const service = new HostingService({
    secrets,
    committedUrls: () => new Set(committed),
    gitHubAddress: gitHub.address,
  });
  service.setToken(TOKEN);
  const publish = (gistId: string | null = null, code = CODE) =>
    service.publishGist(code, { description: "MFU", gistId });
  return { gitHub, secrets, service, publish };
}

async function reportOf(work: Promise<unknown>): Promise<ErrorReport> {
  const error = await work.then(
    () => expect.fail("it did not fail"),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(CrusaderError);
  const report = (error as CrusaderError).report();
  expect(JSON.stringify(report)).not.toContain(TOKEN);
  return report;
}

test("a file becomes a secret gist of the same bytes, and the gist's file is replaced by another", async () => {
  const { gitHub, publish } = await bench();
  expect(await publish()).toEqual({ id: FIRST_ID, url: FIRST_URL, sha256: SHA256 });
  const gist = { owner: "ann", public: false, description: "MFU", files: { "train.py": TEXT } };
  expect([...gitHub.gists]).toEqual([[FIRST_ID, gist]]);
  const other = { fileName: "second.py", bytes: Buffer.from("def inner_steps(): ...") };
  expect(await publish(FIRST_ID, other)).toMatchObject({ id: FIRST_ID, url: FIRST_URL });
  expect([...gitHub.gists]).toEqual([[FIRST_ID, { ...gist, files: { "second.py": "def inner_steps(): ..." } }]]);
  expect(gitHub.asked).toEqual(["POST /gists", `GET /gists/${FIRST_ID}`, `PATCH /gists/${FIRST_ID}`]);
});

test("without a token nothing is asked; it can be given and taken", async () => {
  const { gitHub, service, secrets, publish } = await bench();
  expect([service.hasToken(), [...secrets.kept]]).toEqual([true, [["github-gists", TOKEN]]]);
  service.removeToken();
  expect([service.hasToken(), await reportOf(publish()), gitHub.asked]).toEqual([
    false,
    {
      code: "usage",
      message: "There is no token for GitHub.",
      hint: "Give Crusader one that may write gists: beside the URL in the panel Submit, or with `crusader gist token`.",
      detail: "",
    },
    [],
  ]);
});

test("what the validator would not take is not published, nor is a gist changed that a commitment names", async () => {
  const { gitHub, publish } = await bench({ committed: [FIRST_URL] });
  const reports = [
    await reportOf(publish(null, { fileName: "train.py", bytes: Buffer.from([0xff]) })),
    await reportOf(publish(FIRST_ID.toUpperCase())),
  ];
  expect([reports, gitHub.asked]).toEqual([
    [
      {
        code: "usage",
        message: "The validator would not take train.py; nothing was published.",
        hint: "What lies there is no UTF-8 text.",
        detail: "",
      },
      {
        code: "conflict",
        message:
          "A commitment names this gist: the validator fails the submission if it is changed, and skips a URL that it has seen.",
        hint: "Publish a new gist.",
        detail: FIRST_URL,
      },
    ],
    [],
  ]);
});

test("a gist of several files, one of another account, and one that is gone are left as they are", async () => {
  const { gitHub, publish, service } = await bench();
  await publish();
  gitHub.gists.set("b0b", { owner: "bob", public: false, description: "", files: { "x.py": "x" } });
  gitHub.gists.set("2", { owner: "ann", public: true, description: "", files: { "a.py": "a", "b.py": "b" } });
  const before = structuredClone([...gitHub.gists]);
  const refused = "GitHub refuses: the token may not write gists, or the gist is gone, or is one of another account's.";
  expect([await reportOf(publish("2")), await reportOf(publish("b0b")), await reportOf(publish("dead"))]).toMatchObject(
    [
      { code: "conflict", message: "The gist holds 2 files, and the validator takes the first: nothing was changed." },
      { code: "publish_failed", message: refused, detail: "404 Not Found" },
      { code: "publish_failed", message: refused, detail: "404 Not Found" },
    ],
  );
  service.setToken("ghp_of_nobody");
  expect(await reportOf(publish())).toMatchObject({ message: "GitHub does not take the token." });
  expect([...gitHub.gists]).toEqual(before);
});

const answering =
  (status: number, body: string, headers: Record<string, string> = {}): Misbehaviour =>
  (_request, response) => {
    response.writeHead(status, headers).end(body);
    return true;
  };
const gist = (files: object, owner: object = { login: "ann" }) => JSON.stringify({ id: FIRST_ID, owner, files });
const LOOK_FIRST = "Look at your gists on GitHub before you publish again.";

test.each<[string, Misbehaviour, string, string]>([
  [
    "asked too often",
    answering(403, '{"message":"API rate limit exceeded"}', { "x-ratelimit-remaining": "0" }),
    "GitHub takes no more requests for now.",
    "Wait some minutes, then publish again.",
  ],
  ["not well", answering(502, "<html>"), "GitHub failed (502).", LOOK_FIRST],
  ["elsewhere", answering(302, "", { location: "http://127.0.0.1:9/" }), "GitHub answered 302.", LOOK_FIRST],
  ["of no JSON", answering(201, "<html>"), "GitHub's answer cannot be understood.", LOOK_FIRST],
  [
    "with a name that is none",
    answering(201, gist({}, { login: "ann/../x" })),
    "GitHub's answer cannot be understood.",
    LOOK_FIRST,
  ],
  ["without end", answering(201, "#".repeat(9_000_000)), "GitHub's answer is too long.", LOOK_FIRST],
  [
    "with another text",
    answering(201, gist({ "train.py": { content: TEXT.replaceAll("\r\n", "\n") } })),
    "GitHub does not hold the file as it is.",
    "Delete the gist, and use another host.",
  ],
  [
    "with another file beside it",
    answering(201, gist({ "train.py": { content: TEXT }, "a.py": { content: "" } })),
    "GitHub does not hold the file as it is.",
    "Delete the gist, and use another host.",
  ],
  [
    "that breaks off",
    (request) => {
      request.socket.destroy();
      return true;
    },
    "The connection to GitHub failed.",
    "Whether the gist was made or changed is not known: look at your gists on GitHub before you publish again.",
  ],
])("an answer %s is said in words", async (_, misbehave, message, hint) => {
  const { publish } = await bench({ misbehave });
  expect(await reportOf(publish())).toEqual({ code: "publish_failed", message, hint, detail: expect.any(String) });
});

test("a long text whose answer is cut off is taken for held", async () => {
  const long = { fileName: "train.py", bytes: Buffer.from(`def inner_steps(): pass${"#".repeat(400_000)}`) };
  const files = { "train.py": { content: long.bytes.toString().slice(0, 1000), truncated: true } };
  const { publish } = await bench({ misbehave: answering(201, gist(files)) });
  expect(await publish(null, long)).toMatchObject({ url: FIRST_URL });
});

test("who gives up is not told of a failure", async () => {
  const controller = new AbortController();
  const { service } = await bench({
    misbehave: () => {
      controller.abort(new CrusaderError("cancelled", "Given up."));
      return true;
    },
  });
  const work = service.publishGist(CODE, { description: "", gistId: null, signal: controller.signal });
  expect(await reportOf(work)).toMatchObject({ code: "cancelled" });
});

test("what the validator would find at a URL", async () => {
  const { service } = await bench({ committed: ["https://seen.example/train.py"] });
  const server = createServer((request, response) =>
    request.url === "/train.py" ? response.end(TEXT) : response.writeHead(404).end(),
  ).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const options = { timeoutMs: 60_000, allowedOrigins: [origin] };
  const judged = { sha256: SHA256, byteCount: CODE.bytes.length, fileName: "train.py" };
  const nothing = { fetchedUrls: [], hosted: null, judged };
  expect(await service.check(`${origin}/train.py/`, CODE, options)).toEqual({
    committedUrl: `${origin}/train.py`,
    fetchedUrls: [`${origin}/train.py`],
    hosted: { sha256: SHA256, byteCount: CODE.bytes.length },
    judged,
    findings: [],
    problem: null,
  });
  expect(await service.check(`${origin}/gone`, CODE, options)).toEqual({
    ...nothing,
    committedUrl: `${origin}/gone`,
    findings: [],
    problem: { message: expect.stringMatching(/answered 404/), hint: expect.stringMatching(/^Check how the URL/) },
  });
  expect(await service.check("train.py", CODE, options)).toEqual({
    ...nothing,
    committedUrl: null,
    findings: [expect.objectContaining({ rule: "not_a_url", state: "block" })],
    problem: null,
  });
  const network = { resolve: async () => ["10.0.0.1"], reach: () => expect.fail() };
  expect(await service.check("https://seen.example/train.py", CODE, { ...options, network })).toMatchObject({
    findings: [{ rule: "seen_before", state: "block" }],
    problem: { message: expect.stringMatching(/^seen\.example leads to 10\.0\.0\.1/) },
  });
});
