export { SignStep, type SignStepProps } from "./sign-step.tsx";
export { SignerPicker, type SignerPickerProps } from "./signer-picker.tsx";
export { loadWallets } from "./wallets-store.ts";
export { signerName } from "./words.ts";
