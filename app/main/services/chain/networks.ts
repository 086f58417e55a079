/** Where networks are. */
import { FINNEY_ENDPOINT, TEST_ENDPOINT } from "../../../common/addresses.ts";
import type { Network } from "../../../common/chain.ts";
import { CrusaderError } from "../../../common/errors.ts";
import type { NetworkPlace } from "./chain.ts";

/** A node that somebody runs on this machine, at the port that subtensor's own has. */
const LOCAL_ENDPOINT = "ws://127.0.0.1:9944";

/** The chains behind the names; a node that serves another one under them is refused. */
const GENESIS_OF = {
  finney: "0x2f0555cc76fc2840a25a6ea3b9637146806f1f44b090c175ffde2a7e5ab36c03",
  test: "0x8f9cf856bf558a14440e75569c9e58594757048d7b3a84b5d25f6bd978263105",
} as const;
type PublicNetwork = keyof typeof GENESIS_OF;

/** Undefined where a name stands for no one chain. */
export function genesisOf(network: Network): string | undefined {
  return network === "finney" || network === "test" ? GENESIS_OF[network] : undefined;
}

/** Which public network has that first block; null: none. */
export function publicNetworkOf(genesisHash: string): PublicNetwork | null {
  const names = Object.keys(GENESIS_OF) as PublicNetwork[];
  return names.find((name) => GENESIS_OF[name] === genesisHash) ?? null;
}

/** `practice`: where Crusader's own network runs now; null where it does not, and `not_found` is thrown for it. */
export async function networkPlace(network: Network, practice: NetworkPlace | null): Promise<NetworkPlace> {
  if (network === "practice") {
    if (practice !== null) return practice;
    throw new CrusaderError("not_found", "The practice network does not run.", "Start it, then try again.");
  }
  const endpoint =
    network === "finney"
      ? FINNEY_ENDPOINT
      : network === "test"
        ? TEST_ENDPOINT
        : network === "local"
          ? LOCAL_ENDPOINT
          : network;
  // With its curves: only who connects needs them.
  const { QUICKNET } = await import("../timelock/index.ts");
  return { endpoint, beacon: QUICKNET, secondsPerBlock: null };
}
