/** The chain in the status bar: network, block, how old that is, runtime, and whether something stands in the way. */
import { IconAlertTriangle } from "@tabler/icons-react";
import type { Network } from "../../../common/chain.ts";
import { runCommand } from "../../shell/commands.ts";
import classes from "./chain.module.css";
import { useStatusWords } from "./chain-status.ts";
import { networkName } from "./status-words.ts";

export default function ChainEntry({ network }: { network: Network }) {
  const { tone, text, problem } = useStatusWords(network);
  return (
    <button
      type="button"
      className={classes.entry}
      data-tone={tone}
      title={problem}
      onClick={() => runCommand("panel.submission")}
    >
      {tone === "trouble" && <IconAlertTriangle size="0.875rem" aria-label="Problem" />}
      <span className={classes.name}>{networkName(network)}</span> <span>{text}</span>
    </button>
  );
}
