import { expect, test } from "vitest";
import type { HostedCheck } from "../../../common/hosting.ts";
import { instructions } from "./instructions.ts";
import { hostedWords, readTypedUrl, tooLongWords } from "./url-words.ts";

const GIST = "https://gist.github.com/ann/aa5a315d61ae9438b18d";
const SHA256 = "0123456789abcdef".repeat(4);

test("what is typed is read as it will be committed, with the room that there is", () => {
  expect([
    readTypedUrl("", null),
    readTypedUrl(` ${GIST}/raw/1/train.py `, 70),
    readTypedUrl("train.py", null),
  ]).toEqual([
    { committed: null, committedNote: "", findings: [], urlBytes: 0, maxUrlBytes: 80, gistId: null },
    {
      committed: GIST,
      committedNote: `Committed as ${GIST}`,
      findings: [expect.objectContaining({ rule: "gist_revision", state: "warn" })],
      urlBytes: 48,
      maxUrlBytes: 70,
      gistId: "aa5a315d61ae9438b18d",
    },
    {
      committed: null,
      committedNote: "",
      findings: [expect.objectContaining({ rule: "not_a_url" })],
      urlBytes: 8,
      maxUrlBytes: 80,
      gistId: null,
    },
  ]);
});

test("how much too long it is", () => {
  expect([tooLongWords(readTypedUrl(GIST, 48)), tooLongWords(readTypedUrl(GIST, 45))]).toEqual([
    null,
    "The URL is 3 bytes too long for a commitment: shorten it.",
  ]);
});

test("what was found at the URL is said once, and what is wrong with the URL itself is not repeated", () => {
  const typed = readTypedUrl("http://a.example/train.py", null);
  const [plain] = typed.findings;
  const found: HostedCheck = {
    committedUrl: typed.committed,
    fetchedUrls: ["http://a.example/train.py"],
    hosted: { sha256: SHA256, byteCount: 2048 },
    judged: { sha256: SHA256, byteCount: 2048, fileName: "train.py" },
    findings: plain === undefined ? [] : [plain],
    problem: null,
  };
  const changed = {
    rule: "changed" as const,
    by: ["validator" as const],
    state: "block" as const,
    message: "Changed.",
  };
  const html = { rule: "html" as const, by: ["miner" as const], state: "block" as const, message: "A page." };
  expect([
    hostedWords(found, typed),
    hostedWords({ ...found, findings: [...found.findings, html] }, typed),
    hostedWords({ ...found, findings: [changed] }, readTypedUrl(GIST, null)),
    hostedWords({ ...found, hosted: null, problem: { message: "Gone.", hint: "" } }, typed),
    hostedWords({ ...found, hosted: null, committedUrl: null }, typed),
  ]).toEqual([
    { isWell: true, lines: ["train.py lies there as it is: 2.0 KiB, SHA-256 0123456789ab."] },
    { isWell: false, lines: ["A page."] },
    {
      isWell: false,
      lines: [
        "Changed.",
        "GitHub may hand out the older text for some minutes after a gist was changed: look again then.",
      ],
    },
    { isWell: false, lines: ["Gone."] },
    { isWell: false, lines: ["Nothing was fetched: this is no URL."] },
  ]);
});

test("commands to paste name the file so that a shell takes it for nothing else", () => {
  expect(instructions("-it's here.py", SHA256).map(({ commands }) => commands)).toEqual([
    "gh gist create './-it'\\''s here.py'",
    "aws s3 cp './-it'\\''s here.py' s3://BUCKET/01234567.py --acl public-read",
    "scp './-it'\\''s here.py' HOST:/var/www/html/01234567.py",
    "sha256sum './-it'\\''s here.py'\ncurl --fail --location --silent URL | sha256sum",
  ]);
});
