export {
  type Beacon,
  isSignatureOf,
  QUICKNET,
  type RevealTime,
  revealRound,
  roundTimeMs,
  signRound,
} from "./beacon.ts";
export { OVERHEAD_BYTES } from "./ciphertext.ts";
export { decrypt, decryptText, type EncryptOptions, encrypt, encryptText, MAX_CIPHERTEXT_BYTES } from "./timelock.ts";
