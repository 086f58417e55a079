import { expect, test } from "vitest";
import { changedFinding, fetchedUrl, hostedCodeFindings, MAX_CODE_SIZE, readCodeUrl } from "./code-url.ts";

const ID = "0123456789abcdef0123456789abcdef";
const SHORT = `https://gist.github.com/ada/${ID}`;
const CODE = "def inner_steps():\n    pass\n";

function rulesOf(typed: string, seen: readonly string[] = []): string[] {
  return readCodeUrl(typed, new Set(seen)).findings.map(({ rule, by, state }) => `${state} ${rule} ${by.join("+")}`);
}

test.each([
  ["https://a.example/train.py", "https://a.example/train.py", "https://a.example/train.py"],
  ["https://a.example/train.py//", "https://a.example/train.py", "https://a.example/train.py"],
  ["https://a.example/x?v=2", "https://a.example/x?v=2", "https://a.example/x?v=2"],
  [SHORT, SHORT, `${SHORT}/raw`],
  [`${SHORT}/`, SHORT, `${SHORT}/raw`],
  [`${SHORT}/raw`, SHORT, `${SHORT}/raw`],
  [`${SHORT}#file-train-py`, SHORT, `${SHORT}/raw`],
  [`https://gist.githubusercontent.com/ada/${ID}/raw`, SHORT, `${SHORT}/raw`],
  [
    "https://raw.githubusercontent.com/ada/x/main/train.py",
    "https://raw.githubusercontent.com/ada/x/main/train.py",
    "https://raw.githubusercontent.com/ada/x/main/train.py",
  ],
  [`https://gist.github.com/${ID}`, `https://gist.github.com/${ID}`, `https://gist.github.com/${ID}/raw`],
  ["http://127.0.0.1:4711/x.py", "http://127.0.0.1:4711/x.py", "http://127.0.0.1:4711/x.py"],
])("%s is committed and fetched without a doubt", (typed, committed, fetched) => {
  expect(readCodeUrl(typed)).toEqual({ committed, fetched, findings: [] });
});

test.each([
  [`https://gist.githubusercontent.com/ada/${ID}/raw/89abcdef/train.py`],
  [`https://gist.github.com/ada/${ID}/raw/89abcdef/train.py`],
])("the short form of a gist forgets the revision, which is said: %s", (typed) => {
  expect(readCodeUrl(typed)).toEqual({
    committed: SHORT,
    fetched: `${SHORT}/raw`,
    findings: [
      {
        rule: "gist_revision",
        by: ["miner"],
        state: "warn",
        message:
          "A gist is committed in its short form, which always names its newest revision and its first file: change nothing in it until it was evaluated.",
      },
    ],
  });
});

test.each(["", "train.py", "a.example/train.py", "https://", "https://exa mple/train.py", "//a.example/train.py"])(
  "no URL: %j",
  (typed) => {
    expect(readCodeUrl(typed)).toEqual({
      committed: null,
      fetched: null,
      findings: [
        {
          rule: "not_a_url",
          by: ["miner", "validator"],
          state: "block",
          message: "This is no URL: it begins with https:// and names a host and a path.",
        },
      ],
    });
  },
);

test.each([
  "ftp://a.example/train.py",
  "file:///etc/passwd",
  "data:text/plain,def inner_steps",
  "HTTPS://a.example/train.py",
  "https:/a.example/train.py",
  "https:///a.example/train.py",
  "https:\\\\a.example/train.py",
  " https://a.example/train.py",
])("another protocol, or one that Python does not read: %j", (typed) => {
  expect([readCodeUrl(typed).committed, rulesOf(typed)]).toEqual([null, ["block not_http miner+validator"]]);
});

test.each([
  ["https://github.com/ada/x/tree/main/src", "/tree/", "a folder of a repository"],
  [
    "https://github.com/ada/x/blob/main/train.py",
    "/blob/",
    "the page around a file; its Raw button leads to the file itself",
  ],
  [
    "https://github.com/ada/x/BLOB/main/train.py",
    "/blob/",
    "the page around a file; its Raw button leads to the file itself",
  ],
  ["https://github.com/ada?tab=repositories", "?tab=", "a page of a profile or repository"],
  ["https://github.com/ada/x/commits", "/commits", "a list of commits"],
  ["https://github.com/ada/x/pulls/", "/pulls", "a list of pull requests"],
  ["https://github.com/ada/x/issues/6", "/issues", "a list of issues"],
  ["https://a.example/actions/train.py", "/actions", "a page of workflows"],
])("a page is no file: %s", (typed, marker, what) => {
  expect(readCodeUrl(typed).findings).toEqual([
    {
      rule: "page",
      by: ["miner"],
      state: "block",
      message: `The miner takes a URL with ${marker} for ${what}, and refuses it.`,
    },
  ]);
});

test.each([
  ["https://ada:secret@a.example/train.py", "block credentials crusader"],
  [`https://ada@gist.github.com/ada/${ID}`, "block credentials crusader"],
  ["http://a.example/train.py", "warn not_encrypted crusader"],
  ["https://a.example/my train.py", "block unusual_characters crusader"],
  ["https://a.example/train.py ", "block unusual_characters crusader"],
  ["https://a.example/tr\u00e4in.py", "block unusual_characters crusader"],
  ["https://\u0430.example/train.py", "block unusual_characters crusader"],
  ["https://a.example\\@b.example/train.py", "block unusual_characters crusader"],
  ["https://a.example/\u200btrain.py", "block unusual_characters crusader"],
  [`https://gist.github.com/ada/${ID}/revisions/train.py`, "block gist_path validator"],
])("%s: %s", (typed, rule) => {
  expect(rulesOf(typed)).toEqual([rule]);
});

test("a URL is new only if its exact text is", () => {
  const other = "https://a.example/train.py?v=1";
  expect([
    rulesOf("https://a.example/train.py", [other]),
    rulesOf(other, [other]),
    rulesOf(`${other}/`, [other]),
    rulesOf(`https://gist.githubusercontent.com/ada/${ID}/raw`, [SHORT]),
  ]).toEqual([[], ...Array(3).fill(["block seen_before validator"])]);
});

test("all that is wrong is said at once", () => {
  expect(rulesOf("http://ada:secret@github.com/x/tree/issues\u00e9")).toEqual([
    "block unusual_characters crusader",
    "block credentials crusader",
    "warn not_encrypted crusader",
    "block page miner",
    "block page miner",
  ]);
});

test("where the validator fetches", () => {
  expect([fetchedUrl("https://gist.github.com/ada/x/raw/y"), fetchedUrl("https://a.example"), fetchedUrl("x")]).toEqual(
    ["https://gist.github.com/ada/x/raw/y/raw", "https://a.example/", null],
  );
});

function bodyRules(body: string | Uint8Array): string[] {
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  return hostedCodeFindings(bytes).map(({ rule, by, state }) => `${state} ${rule} ${by.join("+")}`);
}

const filledTo = (size: number, letter: string) => `${CODE}#${letter.repeat(size - CODE.length - 1)}`;

test.each<[string, string | Uint8Array, string[]]>([
  ["code", CODE, []],
  ["code with a byte order mark, or that talks of HTML later", `\ufeff${CODE}${" ".repeat(500)}<html`, []],
  ["a dictionary", `{"file": 1}\n${CODE}`, []],
  ["nothing", "", ["block no_inner_steps miner+validator"]],
  ["code without the function", "def outer_steps(): ...", ["block no_inner_steps miner+validator"]],
  ["no text", Uint8Array.of(0x64, 0xff), ["block not_utf8 miner+validator"]],
  ["a page", `<!DOCTYPE HTML>\n${CODE}`, ["block html miner+validator"]],
  ["a page at the last character that is looked at", `${"#".repeat(495)}<HTML ${CODE}`, ["block html miner+validator"]],
  ["one beyond", `${"#".repeat(496)}<html ${CODE}`, []],
  ["one beyond, in characters of two units", `${"\u{1f9e8}".repeat(496)}<html ${CODE}`, []],
  ["a listing", `{"files": ["a"]} ${CODE}`, ["block file_listing miner+validator"]],
  ["as large as it may be", filledTo(MAX_CODE_SIZE, "x"), []],
  [
    "one byte too large",
    filledTo(MAX_CODE_SIZE + 1, "x"),
    ["block too_many_bytes validator", "block too_many_characters miner"],
  ],
  ["too many bytes in few characters", filledTo(MAX_CODE_SIZE, "\u00e9"), ["block too_many_bytes validator"]],
  ["as many characters beyond 16 bits", filledTo(MAX_CODE_SIZE, "\u{1f9e8}"), ["block too_many_bytes validator"]],
  [
    "large and no text",
    new Uint8Array(MAX_CODE_SIZE + 1).fill(0xff),
    ["block too_many_bytes validator", "block not_utf8 miner+validator"],
  ],
])("what lies there: %s", (_, body, rules) => {
  expect(bodyRules(body)).toEqual(rules);
});

test("the hosted file is the judged one, or it is said that it is not", () => {
  const [judged, other] = ["a".repeat(64), "b".repeat(64)];
  expect([changedFinding(judged, judged), changedFinding(other, judged)]).toEqual([
    null,
    {
      rule: "changed",
      by: ["validator"],
      state: "block",
      message:
        "What lies there (bbbbbbbbbbbb) is not the file that was judged (aaaaaaaaaaaa): upload that very file, byte for byte.",
    },
  ]);
});
