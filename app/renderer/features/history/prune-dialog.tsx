/** Which runs to keep; says what would go before anything goes. */
import { Button, Checkbox, Modal, NumberInput } from "@mantine/core";
import { useEffect, useState } from "react";
import type { Inputs, Outputs } from "../../../common/contract.ts";
import type { CrusaderError } from "../../../common/errors.ts";
import { formatBytes } from "../../../common/format.ts";
import { client } from "../../client.ts";
import { asCrusaderError } from "../../connection.ts";
import { prune, runsText } from "./actions.ts";
import classes from "./history.module.css";

type Rules = Inputs["runs"]["checkPrune"];
type Preview = Outputs["runs"]["checkPrune"];
type Rule = { isOn: boolean; value: number };
type Fields = { keep: Rule; days: Rule; mebibytes: Rule };

const MIB = 1024 * 1024;
const CHECK_AFTER_MS = 250;

function rulesOf({ keep, days, mebibytes }: Fields): Rules | null {
  if (!keep.isOn && !days.isOn && !mebibytes.isOn) return null;
  return {
    ...(keep.isOn ? { keep: keep.value } : {}),
    ...(days.isOn ? { olderThanDays: days.value } : {}),
    ...(mebibytes.isOn ? { maxBytes: mebibytes.value * MIB } : {}),
  };
}

export function PruneDialog({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  return (
    <Modal opened={opened} onClose={onClose} title="Prune the history" size="md">
      <PruneForm onClose={onClose} />
    </Modal>
  );
}

function PruneForm({ onClose }: { onClose: () => void }) {
  const [fields, setFields] = useState<Fields>({
    keep: { isOn: true, value: 1000 },
    days: { isOn: false, value: 90 },
    mebibytes: { isOn: false, value: 1024 },
  });
  const [preview, setPreview] = useState<Preview | null>(null);
  const [error, setError] = useState<CrusaderError | null>(null);
  useEffect(() => {
    setPreview(null);
    const rules = rulesOf(fields);
    if (rules === null) return;
    const controller = new AbortController();
    const timer = setTimeout(() => {
      client.runs
        .checkPrune(rules, { signal: controller.signal })
        .then((answer) => {
          setPreview(answer);
          setError(null);
        })
        .catch((thrown: unknown) => !controller.signal.aborted && setError(asCrusaderError(thrown)));
    }, CHECK_AFTER_MS);
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [fields]);
  const rules = rulesOf(fields);
  const field = (name: keyof Fields, before: string, after: string) => (
    <div className={classes.rule}>
      <Checkbox
        size="xs"
        label={before}
        checked={fields[name].isOn}
        onChange={({ currentTarget }) =>
          setFields({ ...fields, [name]: { ...fields[name], isOn: currentTarget.checked } })
        }
      />
      <NumberInput
        aria-label={`${before} ${after}`}
        min={0}
        allowDecimal={false}
        value={fields[name].value}
        disabled={!fields[name].isOn}
        onChange={(value) => typeof value === "number" && setFields({ ...fields, [name]: { ...fields[name], value } })}
        w={100}
      />
      {after}
    </div>
  );
  const count = preview?.runs.length ?? 0;
  return (
    <form
      className={classes.prune}
      onSubmit={(event) => {
        event.preventDefault();
        if (rules === null || count === 0) return;
        onClose();
        void prune(rules);
      }}
    >
      {field("keep", "Keep the newest", "runs")}
      {field("days", "Delete those older than", "days")}
      {field("mebibytes", "Keep all of them below", "MiB")}
      <output>
        {rules === null
          ? "Choose at least one rule."
          : error !== null
            ? `${error.message} ${error.hint}`
            : preview === null
              ? "Counting ..."
              : `${runsText(count)} would go, ${formatBytes(preview.bytes)}; ${runsText(preview.remaining)} would stay.`}
      </output>
      <div className={classes.actions}>
        <Button type="submit" variant="filled" disabled={count === 0}>
          Delete {count > 0 ? runsText(count) : ""}
        </Button>
        <Button onClick={onClose}>Cancel</Button>
      </div>
    </form>
  );
}
