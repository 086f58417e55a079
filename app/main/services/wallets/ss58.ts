/** Addresses as the chain's people write them: SS58 with the prefix 42. */
import { blake2b } from "@noble/hashes/blake2.js";

const PREFIX = 42;
const PUBLIC_KEY_BYTES = 32;
const CHECKSUM_BYTES = 2;
const BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/** The address of a public key of 32 bytes. */
export function addressOf(publicKey: Uint8Array): string {
  if (publicKey.length !== PUBLIC_KEY_BYTES) throw new Error(`a public key has ${PUBLIC_KEY_BYTES} bytes`);
  const body = Buffer.concat([Buffer.of(PREFIX), publicKey]);
  const checksum = blake2b(Buffer.concat([Buffer.from("SS58PRE"), body])).slice(0, CHECKSUM_BYTES);
  let number = BigInt(`0x${Buffer.concat([body, checksum]).toString("hex")}`);
  let address = "";
  // The prefix is not zero, so there are no leading zeros to keep.
  while (number > 0n) {
    address = BASE58.charAt(Number(number % 58n)) + address;
    number /= 58n;
  }
  return address;
}
