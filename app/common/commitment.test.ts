import { expect, test } from "vitest";
import {
  codeHashOf,
  commitmentSize,
  MAX_COMMITMENT_BYTES,
  type Payment,
  packCommitment,
  parseCommitment,
  paymentToCome,
} from "./commitment.ts";

const SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
const HASH = "9f86d081884c7d659a2feaa0c55ad015";

/** As many bytes as asked for. */
function urlOf(byteCount: number): string {
  return "https://a.example/".padEnd(byteCount, "x");
}

test("the hash is the first half", () => {
  expect(codeHashOf(SHA256)).toBe(HASH);
  for (const wrong of ["", HASH, SHA256.toUpperCase(), `${SHA256}0`, `${SHA256}\n`]) {
    expect(() => codeHashOf(wrong)).toThrow("This is no SHA-256 in hexadecimal digits.");
  }
});

test.each([
  [
    { codeHash: HASH, payment: null, url: "https://gist.github.com/ada/0123456789abcdef0123456789abcdef" },
    "9f86d081884c7d659a2feaa0c55ad015:https://gist.github.com/ada/0123456789abcdef0123456789abcdef",
  ],
  [
    { codeHash: HASH, payment: { block: 7_123_456, extrinsicIndex: 12 }, url: "https://a.example/train.py" },
    "9f86d081884c7d659a2feaa0c55ad015:7123456:12:https://a.example/train.py",
  ],
  [
    { codeHash: HASH, payment: { block: 0, extrinsicIndex: 0 }, url: "http://a.example:8080/x?y=1:2:3#z" },
    "9f86d081884c7d659a2feaa0c55ad015:0:0:http://a.example:8080/x?y=1:2:3#z",
  ],
  [
    { codeHash: HASH, payment: { block: 9_999_999_999, extrinsicIndex: 99_999 }, url: "https://a.example/t" },
    "9f86d081884c7d659a2feaa0c55ad015:9999999999:99999:https://a.example/t",
  ],
])("packed and read back: %o", (commitment, text) => {
  expect(packCommitment(commitment)).toBe(text);
  expect(parseCommitment(text)).toEqual(commitment);
});

test.each<[string, Payment | null, number]>([
  // 128 - 33
  ["no fee", null, 95],
  // 95 - "7123456:" - "12:"
  ["a fee paid in a block of seven digits, in its twelfth extrinsic", { block: 7_123_456, extrinsicIndex: 12 }, 84],
  ["the first block of eight digits", { block: 10_000_000, extrinsicIndex: 1 }, 84],
  ["a fee to come", paymentToCome(7_123_456), 81],
  ["a fee to come that may be paid after the change to eight digits", paymentToCome(9_992_800), 80],
  ["a fee to come, surely before that change", paymentToCome(9_992_799), 81],
  ["the most that the validator reads", { block: 9_999_999_999, extrinsicIndex: 99_999 }, 78],
])("room for the URL with %s", (_, payment, maxUrlBytes) => {
  expect(commitmentSize("", payment)).toEqual({ bytes: 128 - maxUrlBytes, urlBytes: 0, maxUrlBytes });
});

const digits = (count: number) => [10 ** (count - 1), 10 ** count - 1];
const PAYMENTS: (Payment | null)[] = [
  null,
  ...Array.from({ length: 10 }, (_, index) => digits(index + 1))
    .flat()
    .flatMap((block) =>
      Array.from({ length: 5 }, (_, index) => digits(index + 1))
        .flat()
        .map((extrinsicIndex) => ({ block, extrinsicIndex })),
    ),
];

test("with every number of digits, a URL of the most bytes fits to the byte, and one more is refused", () => {
  expect(PAYMENTS).toHaveLength(1 + 20 * 10);
  for (const payment of PAYMENTS) {
    const { maxUrlBytes } = commitmentSize("", payment);
    const commitment = { codeHash: HASH, payment, url: urlOf(maxUrlBytes) };
    const text = packCommitment(commitment);
    expect([text.length, parseCommitment(text)]).toEqual([MAX_COMMITMENT_BYTES, commitment]);
    const over = expect.objectContaining({
      code: "too_large",
      message: "The commitment would have 129 bytes; 128 are allowed.",
      hint: `Shorten the URL from ${maxUrlBytes + 1} to at most ${maxUrlBytes} bytes.`,
    });
    expect(() => packCommitment({ ...commitment, url: urlOf(maxUrlBytes + 1) })).toThrow(over);
  }
});

test("a size is in bytes, not in letters", () => {
  expect(commitmentSize("https://a.example/\u00fc\u{1f9e8}", null)).toEqual({
    bytes: 57,
    urlBytes: 24,
    maxUrlBytes: 95,
  });
});

test.each([
  ["a hash of upper case", { codeHash: HASH.toUpperCase() }],
  ["half a hash", { codeHash: HASH.slice(16) }],
  ["a whole hash", { codeHash: SHA256, url: "https://a.example" }],
  ["no URL", { url: "" }],
  ["another protocol", { url: "ftp://a.example/train.py" }],
  ["a protocol in upper case", { url: "HTTPS://a.example/train.py" }],
  ["only a protocol", { url: "https://" }],
  ["a space", { url: "https://a.example/my train.py" }],
  ["a line's end behind it", { url: "https://a.example/train.py\n" }],
  ["a letter beyond ASCII", { url: "https://a.example/tr\u00e4in.py" }],
  ["a zero byte", { url: "https://a.example/\0" }],
  ["what reads as a payment and a URL", { payment: null, url: "12:3:https://a.example/train.py" }],
])("what would be read otherwise is not packed: %s", (_, wrong) => {
  const right = { codeHash: HASH, payment: { block: 1, extrinsicIndex: 2 }, url: "https://a.example/train.py" };
  expect(() => packCommitment({ ...right, ...wrong })).toThrow(
    "The validator would not read this commitment as it is meant.",
  );
});

test.each<Payment>([
  { block: -1, extrinsicIndex: 0 },
  { block: 1.5, extrinsicIndex: 0 },
  { block: 10_000_000_000, extrinsicIndex: 0 },
  { block: Number.NaN, extrinsicIndex: 0 },
  { block: 1, extrinsicIndex: -1 },
  { block: 1, extrinsicIndex: 100_000 },
])("no payment: %o", (payment) => {
  const message = "A payment is named by a block of at most 10 digits and an index of at most 5.";
  expect(() => packCommitment({ codeHash: HASH, payment, url: "https://a.example" })).toThrow(message);
  expect(() => commitmentSize("https://a.example", payment)).toThrow(message);
});

test.each([
  ["", null],
  [`${HASH}`, null],
  [`${HASH}:`, null],
  [`${HASH.slice(1)}:https://a.example`, null],
  [`${HASH}0:https://a.example`, null],
  [`${HASH}:12:https://a.example`, null],
  [`${HASH}::1:https://a.example`, null],
  [`${HASH}:12345678901:1:https://a.example`, null],
  [`${HASH}:1:123456:https://a.example`, null],
  [`${HASH}:-1:1:https://a.example`, null],
  [`${HASH}:\u0661:1:https://a.example`, null],
  [` ${HASH}:https://a.example`, null],
  [`${HASH}:https://a.example `, null],
  [`${HASH}:https://a.example\n${HASH}:https://b.example`, null],
  [`${HASH}:${urlOf(4096 - 33)}`, { codeHash: HASH, payment: null, url: urlOf(4096 - 33) }],
  [`${HASH}:${urlOf(4096 - 32)}`, null],
  [
    `${HASH}:007:01:https://a.example`,
    { codeHash: HASH, payment: { block: 7, extrinsicIndex: 1 }, url: "https://a.example" },
  ],
])("another's commitment %#", (text, commitment) => {
  expect(parseCommitment(text)).toEqual(commitment);
});
