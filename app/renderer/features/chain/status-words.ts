/** A connection to a chain in a line. Pure. */
import type { ChainStatus } from "../../../common/chain.ts";
import { formatInteger, formatWait } from "../../../common/format.ts";
import { shownText } from "../../../common/shown-text.ts";

export type StatusWords = {
  /** `well`: nothing stands in the way; `working`: it is being made; `trouble`: see `problem`. */
  tone: "well" | "working" | "trouble";
  /** "#7,889,813, 12 s, spec 343" or the state. */
  text: string;
  /** Cause and next step; empty where nothing is wrong. */
  problem: string;
};

/** What a node at that address is called where there is little room. */
export function networkName(network: string): string {
  return network.includes("://") ? shownText(network.replace(/^wss?:\/\//, "").replace(/\/.*$/, "")) : network;
}

/** `sinceMs`: how long ago the services told this, by a clock that nobody sets: they may be on another machine. */
export function statusWords(status: ChainStatus, sinceMs: number): StatusWords {
  const problem = status.problem === null ? "" : shownText(`${status.problem.message} ${status.problem.hint}`.trim());
  const tone = problem !== "" || status.state === "failed" ? "trouble" : "well";
  switch (status.state) {
    case "connecting":
      return { tone: "working", text: "connecting", problem };
    case "reconnecting":
      return { tone: "trouble", text: "reconnecting", problem };
    case "nowhere":
      // Nobody has started it: nothing is wrong.
      return { tone: "working", text: "not running", problem };
    case "failed":
      return { tone: "trouble", text: "no connection", problem };
    case "connected": {
      if (status.block === null || status.ageSeconds === null) return { tone: "working", text: "connected", problem };
      const ageSeconds = status.ageSeconds + sinceMs / 1000;
      const age = ageSeconds < 0 ? `${formatWait(-ageSeconds)} ahead` : formatWait(ageSeconds);
      const spec = status.specVersion === null ? "" : `, spec ${status.specVersion}`;
      return { tone, text: `#${formatInteger(status.block)}, ${age}${spec}`, problem };
    }
  }
}
