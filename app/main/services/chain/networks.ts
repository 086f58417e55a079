/** Where networks are. */
import { FINNEY_ENDPOINT, TEST_ENDPOINT } from "../../../common/addresses.ts";
import type { Network } from "../../../common/chain.ts";
import { CrusaderError } from "../../../common/errors.ts";
import type { NetworkPlace } from "./chain.ts";

/** A node that somebody runs on this machine, at the port that subtensor's own has. */
const LOCAL_ENDPOINT = "ws://127.0.0.1:9944";

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
