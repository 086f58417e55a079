/** Where the source is fetched from: a repository's address, or a folder of this machine. */
import { Button, TextInput } from "@mantine/core";
import { IconFolder } from "@tabler/icons-react";
import { useState } from "react";
import type { ProductionSource } from "../../../common/production.ts";
import { doing, fetchSource, pickSourceFolder } from "./actions.ts";
import classes from "./production.module.css";

export function SourceForm({ source, onDone = () => {} }: { source: ProductionSource; onDone?: () => void }) {
  const [url, setUrl] = useState(source.kind === "git" ? source.url : "");
  const [reference, setReference] = useState(source.kind === "git" ? (source.reference ?? "") : "");
  return (
    <form
      className={classes.source}
      aria-label="Where the source is"
      onSubmit={(event) => {
        event.preventDefault();
        const name = reference.trim();
        doing(async () => {
          await fetchSource({ kind: "git", url: url.trim(), reference: name === "" ? null : name });
          onDone();
        })();
      }}
    >
      <TextInput
        label="Address of the repository"
        value={url}
        onChange={({ currentTarget }) => setUrl(currentTarget.value)}
        className={classes.address}
        classNames={{ input: "mono" }}
        spellCheck={false}
      />
      <TextInput
        label="Branch, tag or commit"
        placeholder="its default branch"
        value={reference}
        onChange={({ currentTarget }) => setReference(currentTarget.value)}
        classNames={{ input: "mono" }}
        spellCheck={false}
        w="13rem"
      />
      <Button type="submit" variant="filled" disabled={url.trim() === ""}>
        Fetch
      </Button>
      <Button
        leftSection={<IconFolder size="1em" aria-hidden />}
        onClick={doing(async () => {
          await pickSourceFolder();
          onDone();
        })}
      >
        Read a folder instead
      </Button>
    </form>
  );
}
