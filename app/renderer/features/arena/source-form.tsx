/** A source's name and place. An API key goes in here and comes out nowhere; a database is picked, not named by a path. */
import { Button, Select, TextInput } from "@mantine/core";
import { useState } from "react";
import type { ShownSource } from "../../../common/arena.ts";
import type { CrusaderError } from "../../../common/errors.ts";
import { ADDRESS_PROBLEM, isPlain, serverAddressOf, serverNameProblem } from "../../../common/servers.ts";
import { client } from "../../client.ts";
import { asCrusaderError } from "../../connection.ts";
import { KeptSecretField, useKeptSecret } from "../../shell/ui/kept-secret.tsx";
import { ErrorState } from "../../shell/ui/states.tsx";
import { pickFolder } from "../workspace/picker.ts";
import classes from "./arena.module.css";
import { setSources } from "./arena-store.ts";
import { PlainWarning } from "./plain-warning.tsx";

const KINDS = [
  { value: "api", label: "a public API, by its address" },
  { value: "database", label: "a validator's own database, on this machine" },
];

export type SourceFormProps = {
  /** Null: a new one. */
  source: ShownSource | null;
  kind: "api" | "database";
  onDone: (name: string | null) => void;
};

export function SourceForm({ source, kind: firstKind, onDone }: SourceFormProps) {
  const [kind, setKind] = useState<string>(source?.kind === "database" ? "database" : firstKind);
  const [name, setName] = useState(source?.name ?? "");
  const [address, setAddress] = useState(source?.kind === "api" ? source.place : "");
  const [isSaving, setSaving] = useState(false);
  const [error, setError] = useState<CrusaderError | null>(null);
  const meant = serverAddressOf(address.trim());
  const hasMoved = source !== null && meant !== null && meant !== source.place;
  const key = useKeptSecret(source?.hasApiKey === true, hasMoved);
  const nameIsWrong = serverNameProblem(name.trim());
  const isFit = nameIsWrong === null && (kind === "database" || (meant !== null && key.problem === null));
  const replace = source !== null;

  const save = async () => {
    if (meant === null) return;
    setSaving(true);
    try {
      const place = { kind: "api" as const, address: meant };
      const { typed: apiKey, keeps: keepApiKey } = key;
      setSources(await client.arena.addSource({ name: name.trim(), place, apiKey, keepApiKey, replace }));
      onDone(name.trim());
    } catch (thrown) {
      setError(asCrusaderError(thrown));
    } finally {
      setSaving(false);
    }
  };
  const pick = () =>
    pickFolder({
      title: "The folder that holds the validator's crusades.db",
      verb: "Read",
      what: "database",
      use: async (pickedId) => {
        const place = { kind: "database" as const, pickedId };
        setSources(await client.arena.addSource({ name: name.trim(), place, replace }));
        onDone(name.trim());
      },
    }).catch((thrown: unknown) => setError(asCrusaderError(thrown)));

  return (
    <form
      className={classes.form}
      aria-label={source === null ? "Add a source" : `Edit the source ${source.name}`}
      onSubmit={(event) => {
        event.preventDefault();
        if (!isFit || isSaving) return;
        void (kind === "api" ? save() : pick());
      }}
    >
      <h3 className={classes.title}>{source === null ? "Add a source" : `Edit the source ${source.name}`}</h3>
      {source === null && (
        <Select
          label="What it is"
          data={KINDS}
          value={kind}
          onChange={(value) => value !== null && setKind(value)}
          allowDeselect={false}
        />
      )}
      <TextInput
        label="Name"
        description="For people: up to 40 letters, digits, dots, dashes and underscores."
        value={name}
        disabled={source !== null}
        autoFocus={source === null}
        onChange={({ currentTarget }) => setName(currentTarget.value)}
        error={name.trim() === "" ? null : nameIsWrong}
        spellCheck={false}
        autoComplete="off"
      />
      {kind === "api" && (
        <>
          <TextInput
            label="Address"
            description="Of the validator's public API: https://validator.example"
            value={address}
            autoFocus={source !== null}
            onChange={({ currentTarget }) => setAddress(currentTarget.value)}
            error={address.trim() === "" || meant !== null ? null : ADDRESS_PROBLEM}
            classNames={{ input: "mono" }}
            spellCheck={false}
            autoComplete="off"
          />
          {meant !== null && isPlain(meant) && <PlainWarning />}
          <KeptSecretField
            secret={key}
            label="API key"
            description="Only where the API asks for one."
            noun="key"
            whose="API"
          />
        </>
      )}
      {kind === "database" && (
        <p className={classes.dim}>
          The validator's crusades.db is only read, also while the validator writes to it. Choose the file, or the
          folder it lies in.
        </p>
      )}
      {error !== null && <ErrorState error={error} />}
      <div className={classes.actions}>
        <Button type="submit" variant="filled" disabled={!isFit} loading={isSaving}>
          {kind === "database" ? "Choose the database" : source === null ? "Add the source" : "Save"}
        </Button>
        <Button onClick={() => onDone(null)}>Cancel</Button>
      </div>
    </form>
  );
}
