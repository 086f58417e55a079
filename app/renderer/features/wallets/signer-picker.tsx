/** Who signs: a key file of this machine, an account of a browser's extension, or another machine. */
import { Button, Select, TextInput } from "@mantine/core";
import { useEffect, useId, useState } from "react";
import type { Network } from "../../../common/chain.ts";
import { shownText } from "../../../common/shown-text.ts";
import type { Signer } from "../../../common/wallets.ts";
import { isDesktop } from "../../client.ts";
import { notifyError } from "../../shell/notifications.ts";
import { CopyText } from "../../shell/ui/copy-text.tsx";
import { ErrorState } from "../../shell/ui/states.tsx";
import { chainAddressOf } from "./door.ts";
import { connectExtension, findExtensions, giveUpExtension, useExtensions } from "./extensions-store.ts";
import {
  extensionToConnect,
  keysFor,
  type SignerRole,
  signerGroups,
  signerOfValue,
  signerValue,
  TYPE_AN_ADDRESS,
} from "./signer-choices.ts";
import { useSignerAddress } from "./use-signer-address.ts";
import classes from "./wallets.module.css";
import { keysOf, loadWallets, useWallets } from "./wallets-store.ts";

const LABELS: Readonly<Record<SignerRole, string>> = { hotkey: "Hotkey", coldkey: "Coldkey" };
const ADDRESS_CHARACTERS = 48;

export type SignerPickerProps = {
  role: SignerRole;
  network: Network;
  value: Signer | null;
  onChange: (signer: Signer | null) => void;
  label?: string;
};

export function SignerPicker({ role, network, value, onChange, label = LABELS[role] }: SignerPickerProps) {
  const { list, error, asked: addresses } = useWallets();
  const { found, asked } = useExtensions();
  const [isTyping, setTyping] = useState(false);
  const { address, error: addressError } = useSignerAddress(value);
  const look = () => {
    findExtensions();
    void loadWallets();
  };
  useEffect(look, []);
  const sources = { role, network, keys: keysOf({ list, asked: addresses }), found, asked };
  const isWithoutKeys = list !== null && keysFor(sources).length === 0;

  const take = (chosen: string | null) => {
    if (chosen === null) return;
    const extension = extensionToConnect(chosen);
    setTyping(chosen === TYPE_AN_ADDRESS);
    if (chosen === TYPE_AN_ADDRESS) onChange(null);
    else if (extension !== null) connectExtension(extension).catch((thrown: unknown) => notifyError(thrown));
    else onChange(signerOfValue(chosen));
  };

  return (
    <div className={classes.part}>
      <Select
        label={label}
        data={signerGroups(value, sources)}
        value={isTyping && value === null ? TYPE_AN_ADDRESS : value === null ? null : signerValue(value)}
        placeholder="Choose who signs"
        allowDeselect={false}
        onDropdownOpen={look}
        onChange={take}
        maxDropdownHeight="20rem"
        className={classes.wide}
      />
      {Object.entries(asked).map(([name, one]) => (
        <ExtensionLine
          key={name}
          name={name}
          state={one.state}
          count={one.state === "connected" ? one.accounts.length : 0}
        />
      ))}
      {isTyping && <AddressField role={role} onChange={onChange} />}
      {value !== null && value.kind !== "cold" && address !== null && <CopyText text={address} what="the address" />}
      {addressError !== null && <ErrorState error={addressError} />}
      {value?.kind === "cold" && (
        <>
          {!isTyping && <CopyText text={value.address} what="the address" />}
          <p className={classes.dim}>It is signed on another machine, and pasted back.</p>
        </>
      )}
      {error !== null && <ErrorState error={error} retry={() => void loadWallets()} />}
      {isWithoutKeys && <NoKeys role={role} network={network} />}
      {list !== null && list.problems.length > 0 && (
        <details className={classes.dim}>
          <summary>What could not be read ({list.problems.length})</summary>
          <ul>
            {list.problems.map((problem) => (
              <li key={problem}>{shownText(problem)}</li>
            ))}
          </ul>
        </details>
      )}
    </div>
  );
}

function NoKeys({ role, network }: { role: SignerRole; network: Network }) {
  if (network === "practice") {
    return <p className={classes.dim}>No practice wallet yet: the practice network makes one.</p>;
  }
  return (
    <p className={classes.dim}>
      No {role} is in the folder where btcli keeps wallets. btcli makes keys and registers them; Crusader does neither.
      {isDesktop && " Browser extensions are offered in a browser's window (crusader serve)."}
    </p>
  );
}

function ExtensionLine({
  name,
  state,
  count,
}: {
  name: string;
  state: "waiting" | "connected" | "refused";
  count: number;
}) {
  const shown = shownText(name);
  if (state === "waiting") {
    return (
      <div className={classes.line}>
        <output>Waiting for {shown}: unlock it and allow this page in its own window.</output>
        <Button onClick={() => giveUpExtension(name)}>Cancel</Button>
      </div>
    );
  }
  if (state === "refused") {
    return (
      <p role="alert" className={classes.caution}>
        {shown} gave no access. Where it asks no more, allow this page in its own settings, then choose it again.
      </p>
    );
  }
  if (count > 0) return null;
  return (
    <p role="alert" className={classes.caution}>
      {shown} shows no account that can sign here. Allow one for this page in the extension.
    </p>
  );
}

/** Nothing is chosen until what was typed is an address. */
function AddressField({ role, onChange }: { role: SignerRole; onChange: (signer: Signer | null) => void }) {
  const [text, setText] = useState("");
  const [problem, setProblem] = useState<string | null>(null);
  const id = useId();
  useEffect(() => {
    const address = text.trim();
    if (address === "") return;
    let isCurrent = true;
    chainAddressOf({ address }).then(
      (found) => {
        if (!isCurrent) return;
        const isRight = found === address;
        const other = found === null ? "This is no address." : `On this chain it is written ${found}.`;
        setProblem(isRight ? null : other);
        onChange(isRight ? { kind: "cold", address } : null);
      },
      (thrown: unknown) => notifyError(thrown),
    );
    return () => {
      isCurrent = false;
    };
  }, [text, onChange]);
  return (
    <TextInput
      id={id}
      label={`Address of the ${role}`}
      value={text}
      onChange={({ currentTarget }) => {
        setText(currentTarget.value);
        setProblem(null);
      }}
      error={problem}
      maxLength={ADDRESS_CHARACTERS}
      classNames={{ input: "mono" }}
      spellCheck={false}
      autoComplete="off"
      data-autofocus
      className={classes.wide}
    />
  );
}
