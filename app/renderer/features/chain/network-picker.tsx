/** Which chain: by its name, or by a node's address. Shows how the connection to it stands. */
import { Select, TextInput } from "@mantine/core";
import { IconAlertTriangle, IconCheck, IconLoader } from "@tabler/icons-react";
import { type ReactNode, useEffect, useState } from "react";
import { isEndpoint, type Network } from "../../../common/chain.ts";
import classes from "./chain.module.css";
import { useStatusWords } from "./chain-status.ts";
import { watchNetwork } from "./watched-network.ts";

const OTHER = "other";
const NETWORKS = [
  { value: "practice", label: "practice" },
  { value: "finney", label: "finney" },
  { value: "test", label: "test" },
  { value: "local", label: "local" },
  { value: OTHER, label: "A node's address" },
];
const MEANINGS: Record<string, string> = {
  practice: "On this machine; costs nothing.",
  finney: "The main network; real money.",
  test: "The public test network.",
  local: "A node of your own on this machine, port 9944.",
};
const ICONS = { well: IconCheck, working: IconLoader, trouble: IconAlertTriangle };

export function NetworkPicker({ value, onChange }: { value: Network; onChange: (network: Network) => void }) {
  const isNamed = value in MEANINGS;
  const [isTyping, setTyping] = useState(false);
  const showsAddress = isTyping || !isNamed;
  return (
    <>
      <Select
        label="Network"
        description={showsAddress ? "Of the same kind as Bittensor's." : MEANINGS[value]}
        data={NETWORKS}
        value={showsAddress ? OTHER : value}
        allowDeselect={false}
        onChange={(chosen) => {
          setTyping(chosen === OTHER);
          if (chosen !== null && chosen !== OTHER) onChange(chosen as Network);
        }}
        w="15rem"
      />
      {showsAddress && (
        <AddressInput
          value={isNamed ? "" : value}
          onChange={(address) => {
            setTyping(false);
            onChange(address);
          }}
        />
      )}
    </>
  );
}

/** Taken with Enter or when it is left: half an address is connected to by nobody. */
function AddressInput({ value, onChange }: { value: string; onChange: (address: string) => void }) {
  const [text, setText] = useState(value);
  const [isLeft, setLeft] = useState(false);
  const address = text.trim();
  const isGood = isEndpoint(address);
  const take = () => {
    setLeft(true);
    if (isGood && address !== value) onChange(address);
  };
  return (
    <TextInput
      label="Node's address"
      placeholder="wss://"
      spellCheck={false}
      value={text}
      error={isLeft && !isGood && "It begins with wss:// or ws://, without user or password."}
      onChange={({ currentTarget }) => setText(currentTarget.value)}
      onBlur={take}
      onKeyDown={({ key }) => {
        if (key === "Enter") take();
      }}
      w="20rem"
    />
  );
}

type ConnectionLineProps = {
  network: Network;
  /** False where its cause is said already. */
  isProblemShown?: boolean;
  /** Beside it where there is trouble. */
  remedy?: ReactNode;
};

/** How the connection to a network stands; keeps it, and shows it in the status bar from then on. */
export function ConnectionLine({ network, isProblemShown = true, remedy }: ConnectionLineProps) {
  useEffect(() => watchNetwork(network), [network]);
  const { tone, text, problem } = useStatusWords(network);
  const Icon = ICONS[tone];
  return (
    <div className={classes.line} data-tone={tone}>
      <Icon size="1em" aria-hidden /> <span>{text}</span>
      {isProblemShown && problem !== "" && <output>{problem}</output>}
      {tone === "trouble" && remedy}
    </div>
  );
}
