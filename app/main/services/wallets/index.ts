export { type Key, type KeyEncryption, keyEncryption, readKey } from "./key-file.ts";
export { addressOf } from "./ss58.ts";
export { type ListedKey, type ListedWallet, listWallets, type WalletListing, walletsFolder } from "./wallet-list.ts";
