import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type RequestListener, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { deflateSync, gzipSync } from "node:zlib";
import { expect, onTestFinished, test } from "vitest";
import { MAX_CODE_SIZE } from "../../../common/code-url.ts";
import { CrusaderError, type ErrorReport } from "../../../common/errors.ts";
import { fetchCode } from "./fetch-code.ts";
import { checkHostedCode, type FetchOptions, refusedRange } from "./index.ts";

const CODE = "def inner_steps():\n    pass\n";
const PUBLIC_ADDRESS = "93.184.215.14";
/** Longer than any test takes: whatever ends, ends for another reason. */
const PATIENT_MS = 60_000;

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** A host on this machine, at `code.example`, and what was asked of it. Other names resolve as `names` says. */
async function hosted(listener: RequestListener, names: Record<string, string[]> = {}) {
  const asked: string[] = [];
  const resolved: string[] = [];
  const reached: string[] = [];
  const server: Server = createServer((request, response) => {
    asked.push(`${request.headers.host?.split(":")[0]}${request.url}`);
    listener(request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const url = (path: string, host = "code.example") => `http://${host}:${port}${path}`;
  const options: FetchOptions = {
    timeoutMs: PATIENT_MS,
    network: {
      resolve: async (host) => {
        resolved.push(host);
        return names[host] ?? [PUBLIC_ADDRESS];
      },
      reach: (address) => {
        reached.push(address);
        return "127.0.0.1";
      },
    },
  };
  return { server, url, port, options, asked, resolved, reached };
}

const answering =
  (body: string | Buffer, headers: Record<string, string> = {}): RequestListener =>
  (_request, response) => {
    response.writeHead(200, headers);
    response.end(body);
  };

const redirecting =
  (target: (path: string) => string | null, status = 302): RequestListener =>
  ({ url = "" }, response) => {
    const location = target(url);
    if (location === null) response.end(CODE);
    else response.writeHead(status, { location }).end();
  };

async function reportOf(work: Promise<unknown>): Promise<ErrorReport> {
  const error = await work.then(
    () => expect.fail("it did not fail"),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(CrusaderError);
  return (error as CrusaderError).report();
}

test("the judged file is found to be there", async () => {
  const { url, options, asked } = await hosted(answering(CODE));
  const committedUrl = url("/train.py");
  expect(await checkHostedCode({ committedUrl, judgedSha256: sha256(CODE) }, options)).toEqual({
    byteCount: CODE.length,
    sha256: sha256(CODE),
    codeHash: sha256(CODE).slice(0, 32),
    urls: [committedUrl],
    findings: [],
  });
  expect(asked).toEqual(["code.example/train.py"]);
});

test("another file, and a page, are found out", async () => {
  const page = "<!doctype html><title>def inner_steps</title>";
  const { url, options } = await hosted(({ url: path }, response) =>
    response.end(path === "/page" ? page : `${CODE}#`),
  );
  const rules = async (path: string) =>
    (await checkHostedCode({ committedUrl: url(path), judgedSha256: sha256(CODE) }, options)).findings.map(
      ({ rule }) => rule,
    );
  expect([await rules("/train.py"), await rules("/page")]).toEqual([["changed"], ["html", "changed"]]);
});

test("what is no URL is not fetched", async () => {
  const { options, resolved } = await hosted(answering(CODE));
  expect(await reportOf(checkHostedCode({ committedUrl: "train.py", judgedSha256: sha256(CODE) }, options))).toEqual({
    code: "usage",
    message: "This is no URL.",
    hint: "It begins with https:// and names a host.",
    detail: "",
  });
  expect(resolved).toEqual([]);
});

test.each([
  ["as it is", {}, Buffer.from(CODE)],
  ["gzip", { "content-encoding": "gzip" }, gzipSync(CODE)],
  ["GZIP", { "content-encoding": " GZIP " }, gzipSync(CODE)],
  ["x-gzip", { "content-encoding": "x-gzip" }, gzipSync(CODE)],
  ["deflate", { "content-encoding": "deflate" }, deflateSync(CODE)],
])("packed: %s", async (_, headers, packed) => {
  const { url, options } = await hosted(answering(packed, headers));
  expect((await fetchCode(url("/"), options)).bytes.toString()).toBe(CODE);
});

test.each([
  ["br", "br", CODE, 'The host packs the file as "br", which nobody asked for.'],
  ["gzip, twice", "gzip, gzip", CODE, 'The host packs the file as "gzip, gzip", which nobody asked for.'],
  ["a name of an object's", "constructor", CODE, 'The host packs the file as "constructor", which nobody asked for.'],
  ["no gzip", "gzip", CODE, "What the host packed cannot be unpacked."],
  ["torn gzip", "gzip", gzipSync(CODE).subarray(0, 20), "What the host packed cannot be unpacked."],
])("packed so that it cannot be read: %s", async (_, coding, body, message) => {
  const { url, options } = await hosted(answering(body, { "content-encoding": coding }));
  expect(await reportOf(fetchCode(url("/"), options))).toEqual({
    code: "fetch_failed",
    message,
    hint: "Use another host.",
    detail: expect.any(String),
  });
});

test("redirects are followed, each in its own name", async () => {
  const bench = await hosted(
    redirecting((path) => {
      if (path === "/a") return "/b?x=1#y";
      return path === "/b?x=1" ? bench.url("/c", "other.example") : null;
    }),
  );
  const { bytes, urls } = await fetchCode(bench.url("/a"), bench.options);
  expect([bytes.toString(), urls]).toEqual([
    CODE,
    [bench.url("/a"), bench.url("/b?x=1#y"), bench.url("/c", "other.example")],
  ]);
  expect(bench.asked).toEqual(["code.example/a", "code.example/b?x=1", "other.example/c"]);
  expect(bench.resolved).toEqual(["code.example", "code.example", "other.example"]);
});

test.each([301, 303, 307, 308])("status %i redirects", async (status) => {
  const { url, options } = await hosted(redirecting((path) => (path === "/a" ? "/b" : null), status));
  expect((await fetchCode(url("/a"), options)).bytes.toString()).toBe(CODE);
});

test("ten redirects are followed, an eleventh is not", async () => {
  const { url, options, asked } = await hosted(
    redirecting((path) => (path === "/0" ? null : `/${Number(path.slice(1)) - 1}`)),
  );
  expect((await fetchCode(url("/10"), options)).urls).toHaveLength(11);
  asked.length = 0;
  expect(await reportOf(fetchCode(url("/11"), options))).toMatchObject({
    code: "fetch_failed",
    message: "The URL redirects more than 10 times.",
  });
  expect(asked).toHaveLength(11);
});

const REFUSED = "which is of the machine itself: the validator does not fetch from there.";

test.each([
  [
    "to a name of a private network",
    () => "http://inside.example/x",
    "inside.example leads to 10.1.2.3, which is of a private network",
  ],
  [
    "to the machine itself",
    (port: number) => `http://127.0.0.1:${port}/x`,
    "127.0.0.1 leads to 127.0.0.1, which is of the machine itself",
  ],
  [
    "to the machine itself, written otherwise",
    (port: number) => `http://0x7f.1:${port}/x`,
    "127.0.0.1 leads to 127.0.0.1, which is of the machine itself",
  ],
  [
    "to a cloud's metadata",
    () => "http://169.254.169.254/latest",
    "169.254.169.254 leads to 169.254.169.254, which is link-local, where clouds keep their metadata",
  ],
])("a redirect %s is not followed", async (_, target, why) => {
  const bench = await hosted(
    redirecting(() => target(bench.port)),
    { "inside.example": ["10.1.2.3"] },
  );
  expect(await reportOf(fetchCode(bench.url("/a"), bench.options))).toEqual({
    code: "fetch_failed",
    message: `${why}: the validator does not fetch from there.`,
    hint: "Use a host on the internet.",
    detail: "",
  });
  expect(bench.asked).toEqual(["code.example/a"]);
});

test.each(["file:///etc/passwd", "ftp://a.example/x", "javascript:1"])(
  "a redirect to %s is not followed",
  async (target) => {
    const { url, options } = await hosted(redirecting(() => target));
    expect(await reportOf(fetchCode(url("/a"), options))).toEqual({
      code: "fetch_failed",
      message: "The URL redirects to what is no http or https address.",
      hint: "Use the address of the file itself.",
      detail: target,
    });
  },
);

test("a redirect to nowhere is said", async () => {
  const { url, options } = await hosted((_request, response) => response.writeHead(302).end());
  expect(await reportOf(fetchCode(url("/a"), options))).toMatchObject({
    message: expect.stringMatching(/^code\.example:\d+ redirects, without saying where to\.$/),
  });
});

test("this machine is not fetched from, however its name is written, nor asked anything", async () => {
  const { port, asked } = await hosted(answering(CODE));
  const hosts = ["127.0.0.1", "localhost", "0x7f000001", "2130706433", "127.1", "0"];
  for (const host of hosts) {
    const report = await reportOf(fetchCode(`http://${host}:${port}/`, { timeoutMs: PATIENT_MS }));
    expect(report).toMatchObject({
      code: "fetch_failed",
      message: expect.stringMatching(host === "0" ? /which is of this network: / : new RegExp(`${REFUSED}$`)),
    });
  }
  for (const host of ["[::1]", "[::ffff:127.0.0.1]"]) {
    expect(await reportOf(fetchCode(`http://${host}:${port}/`, { timeoutMs: PATIENT_MS }))).toMatchObject({
      message: expect.stringMatching(/has no IPv4 address, and the validator uses no other\.$/),
    });
  }
  expect(asked).toEqual([]);
});

test("an origin that is allowed is fetched from on this machine, and no other: not another port, scheme or name", async () => {
  const { port, asked } = await hosted(answering(CODE));
  const options = { timeoutMs: PATIENT_MS, allowedOrigins: [`http://127.0.0.1:${port}`] };
  expect((await fetchCode(`http://127.0.0.1:${port}/train.py`, options)).bytes.toString()).toBe(CODE);
  expect(asked).toEqual(["127.0.0.1/train.py"]);
  const others = [`http://127.0.0.1:${port + 1}/`, `https://127.0.0.1:${port}/`, `http://localhost:${port}/`];
  for (const url of others) {
    expect(await reportOf(fetchCode(url, options))).toMatchObject({ message: expect.stringMatching(`${REFUSED}$`) });
  }
  expect(asked).toHaveLength(1);
});

test("one inner address among a name's addresses is enough to refuse it", async () => {
  const { url, options, asked } = await hosted(answering(CODE), { "mixed.example": [PUBLIC_ADDRESS, "192.168.1.1"] });
  expect(await reportOf(fetchCode(url("/", "mixed.example"), options))).toMatchObject({
    message:
      "mixed.example leads to 192.168.1.1, which is of a private network: the validator does not fetch from there.",
  });
  expect(asked).toEqual([]);
});

test("a name that resolves otherwise a moment later leads nowhere else: the checked address is the one that is reached", async () => {
  const answers = [[PUBLIC_ADDRESS], ["127.0.0.1"]];
  const { url, options, resolved, reached } = await hosted(redirecting((path) => (path === "/a" ? "/b" : null)));
  const network = {
    resolve: async (host: string) => {
      resolved.push(host);
      return answers.shift() ?? [];
    },
    reach: options.network?.reach ?? expect.fail(),
  };
  const first = await fetchCode(url("/b"), { ...options, network });
  expect([first.bytes.toString(), resolved, reached]).toEqual([CODE, ["code.example"], [PUBLIC_ADDRESS]]);
  answers.splice(0, answers.length, [PUBLIC_ADDRESS], ["127.0.0.1"]);
  expect(await reportOf(fetchCode(url("/a"), { ...options, network }))).toMatchObject({
    message: `code.example leads to 127.0.0.1, ${REFUSED}`,
  });
  expect(reached).toEqual([PUBLIC_ADDRESS, PUBLIC_ADDRESS]);
});

/** Writes the same bytes until nobody reads any more; resolves when the other side hung up. */
function writingForever(headers: Record<string, string>, first: Buffer, forever: Buffer) {
  const hungUp = Promise.withResolvers<void>();
  const listener: RequestListener = (_request, response: ServerResponse) => {
    response.writeHead(200, headers);
    response.on("close", hungUp.resolve);
    response.write(first);
    const go = () => {
      while (!response.destroyed && response.write(forever));
    };
    response.on("drain", go);
    go();
  };
  return { listener, hungUp: hungUp.promise };
}

const EMPTY_GZIP_BLOCKS = Buffer.alloc(50_000, Buffer.from([0, 0, 0, 0xff, 0xff]));

test.each([
  ["an endless stream", {}, Buffer.alloc(0), Buffer.alloc(65_536, "#")],
  [
    "an endless stream of nothing, packed",
    { "content-encoding": "gzip" },
    gzipSync("").subarray(0, 10),
    EMPTY_GZIP_BLOCKS,
  ],
])("%s is cut off", async (_, headers, first, forever) => {
  const { listener, hungUp } = writingForever(headers, first, forever);
  const { url, options } = await hosted(listener);
  expect(await reportOf(fetchCode(url("/"), options))).toEqual({
    code: "too_large",
    message: "More than 500,000 bytes lie there: the validator stops reading, and fails the submission.",
    hint: "Check that the URL is that of the file itself.",
    detail: "",
  });
  await hungUp;
});

test("a gzip bomb is cut off before it is unpacked", async () => {
  const bomb = gzipSync(Buffer.alloc(256 * 1024 * 1024));
  expect(bomb.length).toBeLessThan(MAX_CODE_SIZE);
  const { url, options } = await hosted(answering(bomb, { "content-encoding": "gzip" }));
  const before = process.memoryUsage().rss;
  expect(await reportOf(fetchCode(url("/"), options))).toMatchObject({ code: "too_large" });
  expect(process.memoryUsage().rss - before).toBeLessThan(128 * 1024 * 1024);
});

test.each([
  ["plain", (size: number) => Buffer.alloc(size, "#"), {}],
  ["packed", (size: number) => gzipSync(Buffer.alloc(size, "#")), { "content-encoding": "gzip" }],
])("the limit is exact: %s", async (_, bodyOf, headers) => {
  const { url, options } = await hosted(({ url: path = "" }, response) => {
    response.writeHead(200, headers).end(bodyOf(Number(path.slice(1))));
  });
  expect((await fetchCode(url(`/${MAX_CODE_SIZE}`), options)).bytes).toHaveLength(MAX_CODE_SIZE);
  expect(await reportOf(fetchCode(url(`/${MAX_CODE_SIZE + 1}`), options))).toMatchObject({ code: "too_large" });
});

const TOO_SLOW = {
  code: "fetch_failed",
  message: "The file did not come within 0.3 s, the time that the validator allows.",
  hint: "Use a faster host.",
  detail: "",
};

test.each<[string, RequestListener]>([
  ["never answers", () => {}],
  ["begins and does not end", (_request, response) => void response.writeHead(200).write(CODE)],
  [
    "announces more than it sends",
    (_request, response) => void response.writeHead(200, { "content-length": 999 }).write(CODE),
  ],
  [
    "begins to send what is packed",
    (_request, response) =>
      void response.writeHead(200, { "content-encoding": "gzip" }).write(gzipSync(CODE).subarray(0, 12)),
  ],
])("a host that %s is waited for no longer than the validator waits", async (_, listener) => {
  const { url, options } = await hosted(listener);
  expect(await reportOf(fetchCode(url("/"), { ...options, timeoutMs: 300 }))).toEqual(TOO_SLOW);
});

test("looking up a name counts, too", async () => {
  const network = { resolve: () => Promise.withResolvers<string[]>().promise, reach: (address: string) => address };
  expect(await reportOf(fetchCode("http://code.example/", { timeoutMs: 300, network }))).toEqual(TOO_SLOW);
});

test("who gives up is not told of a failure", async () => {
  const controller = new AbortController();
  const { url, options } = await hosted(() => controller.abort(new CrusaderError("cancelled", "Given up.")));
  const signal = controller.signal;
  expect(await reportOf(fetchCode(url("/"), { ...options, signal }))).toMatchObject({ code: "cancelled" });
  expect(await reportOf(fetchCode(url("/"), { ...options, signal }))).toMatchObject({ code: "cancelled" });
});

test.each([
  [401, "only who is signed in may read it"],
  [403, "it may not be read"],
  [404, "nothing is there, or not for everybody"],
  [410, "it is gone"],
  [429, "too many have asked"],
  [204, "that is no file"],
  [304, "that is no file"],
  [418, "that is no file"],
  [503, "the host failed"],
])("status %i", async (status, what) => {
  const { url, options, port } = await hosted((_request, response) => response.writeHead(status).end());
  expect(await reportOf(fetchCode(url("/"), options))).toEqual({
    code: "fetch_failed",
    message: `code.example:${port} answered ${status}: ${what}.`,
    hint: expect.stringMatching(/\.$/),
    detail: "",
  });
});

test("a connection that breaks, one that nobody takes, and one that speaks no TLS", async () => {
  const { url, options, server, port } = await hosted((request) => request.socket.destroy());
  expect(await reportOf(fetchCode(url("/"), options))).toMatchObject({ message: "The host broke the connection off." });
  expect(await reportOf(fetchCode(`https://code.example:${port}/`, options))).toMatchObject({
    message: "The host does not speak https there.",
  });
  server.closeAllConnections();
  server.close();
  await once(server, "close");
  const probe = connect(port, "127.0.0.1");
  expect(await once(probe, "error")).toMatchObject([{ code: "ECONNREFUSED" }]);
  expect(await reportOf(fetchCode(url("/"), options))).toMatchObject({ message: "Nothing listens at the host." });
});

test.each([
  ["ENOTFOUND", "The name code.example is not known, or has no IPv4 address."],
  ["ENODATA", "The name code.example is not known, or has no IPv4 address."],
  ["EAI_AGAIN", "Names cannot be looked up now."],
])("a name that is not resolved: %s", async (code, message) => {
  const network = {
    resolve: () => Promise.reject(Object.assign(new Error("lookup"), { code })),
    reach: (address: string) => address,
  };
  const report = await reportOf(fetchCode("http://code.example/", { timeoutMs: PATIENT_MS, network }));
  expect(report).toMatchObject({ code: "fetch_failed", message });
});

test("the edges of what is refused", () => {
  const refused = `0.0.0.0 0.255.255.255 10.0.0.0 10.255.255.255 100.64.0.0 100.100.100.200 100.127.255.255 127.0.0.1
    127.255.255.255 169.254.0.0 169.254.169.254 172.16.0.0 172.31.255.255 192.0.0.8 192.0.2.1 192.88.99.1 192.168.0.0
    192.168.255.255 198.18.0.0 198.19.255.255 198.51.100.7 203.0.113.9 224.0.0.1 239.255.255.255 240.0.0.0 255.255.255.255`;
  const open = `1.0.0.0 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 169.253.255.255
    169.255.0.0 172.15.255.255 172.32.0.0 192.0.1.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0
    223.255.255.255 93.184.215.14 140.82.121.4`;
  const verdicts = (addresses: string) =>
    addresses.split(/\s+/).filter((address) => (refusedRange(address) === null) !== (addresses === open));
  expect([verdicts(refused), verdicts(open)]).toEqual([[], []]);
});
