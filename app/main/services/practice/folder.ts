/** What lies in the practice network's folder, beside `node.json` and its lock. */
import { join } from "node:path";

export const CHAIN_FILE = "chain.jsonl";
export const HOSTED_FOLDER = "files";
const WALLETS_FOLDER = "wallets";

export function practiceFolder(dataFolder: string): string {
  return join(dataFolder, "practice");
}

/** Of the throwaway wallets, in the form of Bittensor's. */
export function practiceWalletsFolder(dataFolder: string): string {
  return join(practiceFolder(dataFolder), WALLETS_FOLDER);
}
