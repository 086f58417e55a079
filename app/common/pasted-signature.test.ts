import { expect, test } from "vitest";
import { readPasted } from "./pasted-signature.ts";

const SIGNATURE = "ab".repeat(64);

test.each<[string, string, ReturnType<typeof readPasted>]>([
  ["nothing", " \n", null],
  [
    "a signature as the script prints it",
    `0x${SIGNATURE}\n`,
    { signed: { kind: "signature", signature: `0x${SIGNATURE}` } },
  ],
  [
    "without its mark, in capitals",
    SIGNATURE.toUpperCase(),
    { signed: { kind: "signature", signature: `0x${SIGNATURE}` } },
  ],
  [
    "broken into lines by a terminal, as JSON quotes it",
    `"0x01${SIGNATURE.slice(0, 60)}\n  ${SIGNATURE.slice(60)}",`,
    { signed: { kind: "signature", signature: `0x01${SIGNATURE}` } },
  ],
  ["an extrinsic", `0x${"cd".repeat(66)}`, { signed: { kind: "extrinsic", extrinsic: `0x${"cd".repeat(66)}` } }],
  ["words", "Nothing was signed.", { problem: "This is not hexadecimal: only digits 0 to 9 and a to f." }],
  ["too little", "0x1234", { problem: "This breaks off: a signature has 64 bytes, here are 2." }],
  ["half a byte", `0x${SIGNATURE}a`, { problem: "This breaks off in the middle of a byte." }],
  [
    "a signature of another kind",
    `0x02${SIGNATURE}`,
    { problem: "This is a signature of another kind of key than Bittensor's." },
  ],
  ["too much", "ab".repeat(4097), { problem: "This is too long for a signed extrinsic." }],
])("pasted: %s", (_, text, read) => {
  expect(readPasted(text)).toEqual(read);
});
