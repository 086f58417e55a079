/** The secret of an address, which never comes back to the window: typed anew, kept as it is, or forgotten. */
import { Checkbox, TextInput } from "@mantine/core";
import { useState } from "react";
import { serverTokenProblem } from "../../../common/servers.ts";
import classes from "./kept-secret.module.css";

/** `isKept`: there is one for the address as it was. `hasMoved`: the address is another by now, which must not get it. */
export function useKeptSecret(isKept: boolean, hasMoved: boolean) {
  const [text, setText] = useState("");
  const [forgets, setForgets] = useState(false);
  const typed = text.trim() === "" ? null : text.trim();
  return {
    isKept,
    hasMoved,
    text,
    setText,
    forgets,
    setForgets,
    /** Null: nothing was typed. */
    typed,
    /** Whether the kept one stays. */
    keeps: isKept && !hasMoved && !forgets && typed === null,
    problem: typed === null ? null : serverTokenProblem(typed),
  };
}

export type KeptSecretFieldProps = {
  secret: ReturnType<typeof useKeptSecret>;
  label: string;
  description: string;
  /** "token" */
  noun: string;
  /** Who gets it: "server". */
  whose: string;
};

export function KeptSecretField({ secret, label, description, noun, whose }: KeptSecretFieldProps) {
  const { isKept, hasMoved, typed } = secret;
  return (
    <>
      <TextInput
        type="password"
        label={label}
        description={`${description} It is kept in a file for its owner only, and is shown nowhere.`}
        placeholder={secret.keeps ? `A ${noun} is kept; leave it empty to keep it` : "none"}
        value={secret.text}
        onChange={({ currentTarget }) => secret.setText(currentTarget.value)}
        error={secret.problem}
        spellCheck={false}
        autoComplete="off"
      />
      {isKept && !hasMoved && (
        <Checkbox
          size="xs"
          label={`Forget the ${noun} that is kept`}
          checked={secret.forgets}
          disabled={typed !== null}
          onChange={({ currentTarget }) => secret.setForgets(currentTarget.checked)}
        />
      )}
      {isKept && hasMoved && typed === null && (
        <p className={classes.caution}>
          The {noun} that is kept belongs to the old address and does not go to another: type it again, or the {whose}{" "}
          gets none.
        </p>
      )}
    </>
  );
}
