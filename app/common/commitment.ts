/**
 * The text of a commitment (spec/chain.md, "What is committed"): the file's hash, the payment of the fee where there was
 * one, and where the file lies.
 *
 *     <32 hex>:<url>
 *     <32 hex>:<block>:<extrinsic index>:<url>
 */
import { CrusaderError } from "./errors.ts";

/** The reference miner's rule; the chain bounds the encrypted bytes only, and the validator reads more. */
export const MAX_COMMITMENT_BYTES = 128;
const MAX_READ_CHARACTERS = 4096;
const HASH_DIGITS = 32;
const MAX_BLOCK = 9_999_999_999;
const MAX_EXTRINSIC_INDEX = 99_999;
/** A day at 12 s a block: a fee is paid soon after its URL was typed. */
const PAID_WITHIN_BLOCKS = 7200;

/** Where the chain recorded a payment: the transfer to the subnet, by its block and its position in that block. */
export type Payment = { block: number; extrinsicIndex: number };

export type Commitment = {
  /** The first half of the file's SHA-256: 32 hexadecimal digits, lower case. */
  codeHash: string;
  /** Null where no fee was paid. */
  payment: Payment | null;
  url: string;
};

/** All sizes in bytes. */
export type CommitmentSize = { bytes: number; urlBytes: number; maxUrlBytes: number };

const COMMITTED = /^([0-9a-f]{32}):(?:([0-9]{1,10}):([0-9]{1,5}):)?(https?:\/\/\S+)$/;

/** What the validator compares with the hosted file, from the SHA-256 (64 hexadecimal digits) of its bytes. */
export function codeHashOf(sha256: string): string {
  if (!/^[0-9a-f]{64}$/.test(sha256)) throw new CrusaderError("usage", "This is no SHA-256 in hexadecimal digits.");
  return sha256.slice(0, HASH_DIGITS);
}

/** How long the text gets with this URL, also one that is still being typed. */
export function commitmentSize(url: string, payment: Payment | null): CommitmentSize {
  const urlBytes = new TextEncoder().encode(url).length;
  const otherBytes = HASH_DIGITS + 1 + paymentText(payment).length;
  return { bytes: otherBytes + urlBytes, urlBytes, maxUrlBytes: MAX_COMMITMENT_BYTES - otherBytes };
}

/** Stands for a payment that is still to be made: no real one within a day takes more digits. */
export function paymentToCome(currentBlock: number): Payment {
  return { block: currentBlock + PAID_WITHIN_BLOCKS, extrinsicIndex: MAX_EXTRINSIC_INDEX };
}

/** The text as it would be, also one that is too long or that nobody could read back. */
export function commitmentText({ codeHash, payment, url }: Commitment): string {
  return `${codeHash}:${paymentText(payment)}${url}`;
}

/**
 * The text to encrypt. Throws `too_large` for more than 128 bytes, `usage` for parts that the validator would not read
 * back as they are.
 */
export function packCommitment(commitment: Commitment): string {
  const { codeHash, payment, url } = commitment;
  const text = commitmentText(commitment);
  const { bytes, urlBytes, maxUrlBytes } = commitmentSize(url, payment);
  if (bytes > MAX_COMMITMENT_BYTES) {
    throw new CrusaderError(
      "too_large",
      `The commitment would have ${bytes} bytes; ${MAX_COMMITMENT_BYTES} are allowed.`,
      `Shorten the URL from ${urlBytes} to at most ${maxUrlBytes} bytes.`,
    );
  }
  const read = parseCommitment(text);
  const isSame =
    read?.codeHash === codeHash &&
    read.url === url &&
    read.payment?.block === payment?.block &&
    read.payment?.extrinsicIndex === payment?.extrinsicIndex;
  if (!isSame || !/^[\x21-\x7e]+$/.test(url)) {
    throw new CrusaderError(
      "usage",
      "The validator would not read this commitment as it is meant.",
      "The URL begins with https:// or http:// and has no spaces and no letters beyond ASCII; hash and payment are as Crusader computed them.",
      text,
    );
  }
  return text;
}

/** Reads a commitment, also another miner's, as the validator does; null for what the validator takes for none. */
export function parseCommitment(text: string): Commitment | null {
  if (text.length > MAX_READ_CHARACTERS) return null;
  const match = COMMITTED.exec(text);
  if (match === null) return null;
  const [, codeHash = "", block, extrinsicIndex, url = ""] = match;
  const payment = block === undefined ? null : { block: Number(block), extrinsicIndex: Number(extrinsicIndex) };
  return { codeHash, payment, url };
}

function paymentText(payment: Payment | null): string {
  if (payment === null) return "";
  const { block, extrinsicIndex } = payment;
  const isPossible = isCount(block, MAX_BLOCK) && isCount(extrinsicIndex, MAX_EXTRINSIC_INDEX);
  if (!isPossible) {
    throw new CrusaderError(
      "usage",
      "A payment is named by a block of at most 10 digits and an index of at most 5.",
      "",
      `block ${block}, index ${extrinsicIndex}`,
    );
  }
  return `${block}:${extrinsicIndex}:`;
}

function isCount(value: number, max: number): boolean {
  return Number.isSafeInteger(value) && value >= 0 && value <= max;
}
