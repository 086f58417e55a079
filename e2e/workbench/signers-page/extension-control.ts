/** What the double of an extension is made of, and how a test tells it what to do. */
import type { SignerPayloadJSON } from "@polkadot/types/types";

export type ExtensionOptions = {
  name: string;
  accounts: { name: string; seed: number[]; prefix: number }[];
};

export type ExtensionControl = {
  /** How it answers who wants in: at once, never, or not at all while the person has not looked. */
  access: "granted" | "denied" | "waits";
  signing: "signs" | "denies" | "waits" | "nonsense" | "another";
  /** Which it shows, by name. */
  show: (names: readonly string[]) => void;
  /** Who asked, how often. */
  readonly asked: string[];
  /** What it was asked to sign. */
  readonly payloads: SignerPayloadJSON[];
  /** What waited is answered. */
  readonly release: () => void;
};
