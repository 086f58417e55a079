/** What another machine needs to sign: a script for Bittensor's own Python package, to be read before it is run. Pure. */
import type { UnsignedExtrinsic } from "./chain.ts";

export const SCRIPT_NAME = "sign.py";

/** Whose key a call is signed by: the miner's hotkey commits, its coldkey pays. */
export function signingRole({ kind }: UnsignedExtrinsic["call"]): "hotkey" | "coldkey" {
  return kind === "set_commitment" ? "hotkey" : "coldkey";
}

/** How it is run there. */
export function scriptCommand(unsigned: UnsignedExtrinsic): string {
  return signingRole(unsigned.call) === "hotkey"
    ? `python3 ${SCRIPT_NAME} WALLET_NAME HOTKEY_NAME`
    : `python3 ${SCRIPT_NAME} WALLET_NAME`;
}

/**
 * Prints the signature of exactly these bytes by the key of exactly this address. It needs no network: PyPI's
 * bittensor-wallet, and the wallet's folder where btcli keeps it.
 */
export function signingScript(unsigned: UnsignedExtrinsic): string {
  const { payload, signedBytes, decoded, firstBlock, lastBlock } = unsigned;
  const role = signingRole(unsigned.call);
  const wallet = role === "hotkey" ? "Wallet(name=sys.argv[1], hotkey=sys.argv[2])" : "Wallet(name=sys.argv[1])";
  const words = [`${decoded.name}`, ...decoded.arguments.map(({ name, value }) => `  ${name}: ${value}`)];
  return `# Signs one extrinsic, for blocks ${firstBlock} to ${lastBlock}, nonce ${unsigned.nonce}:
${words.map((line) => `#   ${commentText(line)}`).join("\n")}
# It sends nothing. Run: ${scriptCommand(unsigned)}
import hashlib
import sys

from bittensor_wallet import Wallet

ADDRESS = "${payload.address}"
PAYLOAD = bytes.fromhex("${signedBytes.slice(2)}")

key = ${wallet}.${role}
if key.ss58_address != ADDRESS:
    sys.exit(f"This is the key {key.ss58_address}, not {ADDRESS}. Nothing was signed.")
message = hashlib.blake2b(PAYLOAD, digest_size=32).digest() if len(PAYLOAD) > 256 else PAYLOAD
print("0x" + key.sign(message).hex())
`;
}

/** The words come from a node: in a comment they are one line of plain characters, and never code. */
function commentText(text: string): string {
  return text.replaceAll(/[^ -~]/g, "?");
}
