export { eraseKey, type Key, type KeyEncryption, keyEncryption, readKey } from "./key-file.ts";
export { signPayload } from "./sign.ts";
export { SigningRequests } from "./signing-requests.ts";
export { addressOf } from "./ss58.ts";
export { type ThrowawayWallet, writeThrowawayWallet } from "./throwaway-wallet.ts";
export { type ListedKey, type ListedWallet, listWallets, type WalletListing, walletsFolder } from "./wallet-list.ts";
export { WalletService, type WalletServiceOptions } from "./wallet-service.ts";
