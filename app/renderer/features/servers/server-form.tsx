/** A server's name, address and token. The token goes in here and comes out nowhere. */
import { Button, TextInput } from "@mantine/core";
import { useState } from "react";
import type { CrusaderError } from "../../../common/errors.ts";
import {
  ADDRESS_PROBLEM,
  isPlain,
  type ShownServer,
  serverAddressOf,
  serverNameProblem,
} from "../../../common/servers.ts";
import { asCrusaderError } from "../../connection.ts";
import { KeptSecretField, useKeptSecret } from "../../shell/ui/kept-secret.tsx";
import { ErrorState } from "../../shell/ui/states.tsx";
import { PlainWarning } from "./plain-warning.tsx";
import classes from "./servers.module.css";
import { saveServer } from "./servers-store.ts";

export function ServerForm({ server, onDone }: { server: ShownServer | null; onDone: () => void }) {
  const [name, setName] = useState(server?.name ?? "");
  const [address, setAddress] = useState(server?.address ?? "");
  const [isSaving, setSaving] = useState(false);
  const [error, setError] = useState<CrusaderError | null>(null);
  const meant = serverAddressOf(address.trim());
  const hasMoved = server !== null && meant !== null && meant !== server.address;
  const token = useKeptSecret(server?.hasToken === true, hasMoved);
  const problems = {
    name: serverNameProblem(name.trim()),
    address: meant === null ? ADDRESS_PROBLEM : null,
    token: token.problem,
  };
  const isFit = Object.values(problems).every((problem) => problem === null);
  const shownUnless = (isEmpty: boolean, problem: string | null) => (isEmpty ? null : problem);

  const save = async () => {
    if (meant === null) return;
    setSaving(true);
    try {
      await saveServer({
        name: name.trim(),
        address: meant,
        token: token.typed,
        keepToken: token.keeps,
        replace: server !== null,
      });
      onDone();
    } catch (thrown) {
      setError(asCrusaderError(thrown));
    } finally {
      setSaving(false);
    }
  };

  return (
    <form
      className={classes.dialog}
      onSubmit={(event) => {
        event.preventDefault();
        if (isFit && !isSaving) void save();
      }}
    >
      <TextInput
        label="Name"
        description="For people: up to 40 letters, digits, dots, dashes and underscores."
        value={name}
        disabled={server !== null}
        data-autofocus={server === null || undefined}
        onChange={({ currentTarget }) => setName(currentTarget.value)}
        error={shownUnless(name.trim() === "", problems.name)}
        spellCheck={false}
        autoComplete="off"
      />
      <TextInput
        label="Address"
        description="https://box.example:8000, or http://127.0.0.1:8000 through a tunnel."
        value={address}
        data-autofocus={server !== null || undefined}
        onChange={({ currentTarget }) => setAddress(currentTarget.value)}
        error={shownUnless(address.trim() === "", problems.address)}
        classNames={{ input: "mono" }}
        spellCheck={false}
        autoComplete="off"
      />
      {meant !== null && isPlain(meant) && <PlainWarning />}
      <KeptSecretField
        secret={token}
        label="Token"
        description="The box's EVAL_AUTH_TOKEN."
        noun="token"
        whose="server"
      />
      {error !== null && <ErrorState error={error} />}
      <div className={classes.actions}>
        <Button type="submit" variant="filled" disabled={!isFit} loading={isSaving}>
          {server === null ? "Add the server" : "Save"}
        </Button>
        <Button onClick={onDone}>Cancel</Button>
      </div>
    </form>
  );
}
