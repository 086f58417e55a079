/** What changed in the rules, with what that would mean, and taking them over. */
import { Button, Checkbox, Modal, SegmentedControl } from "@mantine/core";
import { useState } from "react";
import type {
  ProductionStatus,
  RuleChange,
  RulesComparison,
  RulesPart,
  RulesSide,
} from "../../../common/production.ts";
import { shownText } from "../../../common/shown-text.ts";
import { client } from "../../client.ts";
import { notifyError } from "../../shell/notifications.ts";
import { selection } from "../../shell/selection.ts";
import { ErrorState, Loading } from "../../shell/ui/states.tsx";
import { openFile } from "../editor/index.ts";
import { openFeature } from "../open-feature.ts";
import { applyRules, doing } from "./actions.ts";
import classes from "./production.module.css";
import { useLoaded } from "./use-loaded.ts";
import { shownValue } from "./words.ts";

const AREAS: Readonly<Record<RuleChange["area"], string>> = {
  policy: "Scan policy",
  hparams: "Profile",
  threshold: "Limits in the code",
  container: "Container",
  scanner: "Scanner",
};
const FROM_WORDS = { in_force: "the rules in force", pinned: "the pinned revision", builtin: "the built-in rules" };
type From = keyof typeof FROM_WORDS;

export function ChangesView({ status }: { status: ProductionStatus }) {
  const { pinned, newest, inForce } = status;
  const [wanted, setFrom] = useState<From>("in_force");
  const [applying, setApplying] = useState(false);
  const isThere = {
    in_force: true,
    pinned: pinned !== null && pinned.id !== newest?.id,
    builtin: inForce.appliedFrom !== null,
  };
  const from = isThere[wanted] ? wanted : "in_force";
  const to: RulesSide = newest === null ? "pinned" : "newest";
  const key = [from, to, newest?.id, pinned?.id, inForce.policySha256, inForce.productionProfile].join(" ");
  const { value, error, again } = useLoaded(key, (signal) => client.production.changes({ from, to }, { signal }));
  const revision = newest ?? pinned;
  const choices = [
    { value: "in_force", label: "Against the rules in force" },
    ...(isThere.pinned ? [{ value: "pinned", label: `Against the pinned ${pinned?.label}` }] : []),
    ...(isThere.builtin ? [{ value: "builtin", label: "Against the built-in rules" }] : []),
  ];
  const applicable = value?.changes.filter(({ applies }) => applies) ?? [];
  return (
    <section className={classes.part} aria-label="Changes">
      <h2 className={classes.title}>What changed in the rules</h2>
      {choices.length > 1 && (
        <SegmentedControl
          aria-label="Compared with"
          size="xs"
          value={from}
          onChange={(chosen) => setFrom(chosen as From)}
          data={choices}
        />
      )}
      {error !== null && <ErrorState error={error} retry={again} />}
      {error === null && value === null && <Loading what="Comparing the rules" />}
      {value !== null && <Changes comparison={value} from={from} />}
      {value !== null && from === "in_force" && revision !== null && applicable.length > 0 && (
        <div className={classes.actions}>
          <Button variant="filled" onClick={() => setApplying(true)}>
            Use the rules of {revision.label}
          </Button>
        </div>
      )}
      <Modal
        opened={applying}
        onClose={() => setApplying(false)}
        title={`Use the rules of ${revision?.label ?? ""}`}
        size="xl"
      >
        {revision !== null && (
          <Apply
            changes={applicable}
            revisionId={revision.id}
            label={revision.label}
            close={() => setApplying(false)}
          />
        )}
      </Modal>
    </section>
  );
}

function Changes({ comparison, from }: { comparison: RulesComparison; from: From }) {
  const { changes, notFound, notes } = comparison;
  return (
    <>
      {changes.length === 0 ? (
        <p>
          Nothing that matters differs between {FROM_WORDS[from]} and {comparison.to.label}.
        </p>
      ) : (
        <ChangeList changes={changes} />
      )}
      {notFound.length > 0 && (
        <details open={changes.length === 0}>
          <summary>
            Not comparable: {notFound.length === 1 ? "1 part" : `${notFound.length} parts`} were not found
          </summary>
          <ul className={classes.list}>
            {notFound.map((what) => (
              <li key={what}>{shownText(what)}</li>
            ))}
          </ul>
        </details>
      )}
      {notes.map((note) => (
        <p key={note} className={classes.dim}>
          {note}
        </p>
      ))}
    </>
  );
}

function ChangeList({ changes }: { changes: readonly RuleChange[] }) {
  return (
    <ul className={classes.changes} aria-label="Changed rules">
      {changes.map((change) => (
        <Change key={`${change.area} ${change.name}`} change={change} />
      ))}
    </ul>
  );
}

const KINDS: Readonly<Record<RuleChange["kind"], string>> = { added: "new", removed: "gone", changed: "changed" };

function Change({ change }: { change: RuleChange }) {
  const { area, title, name, kind, before, after, added, removed, place, applies, consequences } = change;
  const isSet = added.length + removed.length > 0;
  return (
    <li data-area={area} data-name={name}>
      <div className={classes.line}>
        <b>{shownText(title)}</b>
        <span className={classes.badge}>{KINDS[kind]}</span>
        <span className={classes.dim}>
          {AREAS[area]}, <span className="mono">{shownText(name)}</span>
          {place !== null && ` in ${place.file}:${place.line}`}
          {!applies && "; shown only"}
        </span>
      </div>
      {isSet ? (
        <div className="mono">
          <SetDifference sign="+" word="added" names={added} />
          <SetDifference sign="-" word="removed" names={removed} />
        </div>
      ) : (
        (before !== null || after !== null) && (
          <div className={classes.values}>
            <del>{shownValue(before)}</del> <span aria-hidden>→</span> <ins>{shownValue(after)}</ins>
          </div>
        )
      )}
      {consequences.map(({ text, runIds, files }) => (
        <div key={text} className={classes.consequence}>
          {shownText(text)}{" "}
          {runIds.slice(0, MAX_LINKS).map((runId) => (
            <button
              key={runId}
              type="button"
              className={classes.link}
              onClick={() => {
                selection.setState({ runId });
                openFeature("result");
              }}
            >
              run {runId}
            </button>
          ))}
          {files.slice(0, MAX_LINKS).map((file) => (
            <button
              key={`${file.folderId}/${file.name}`}
              type="button"
              className={classes.link}
              onClick={doing(() => openFile(file))}
            >
              {file.name}
            </button>
          ))}
          {runIds.length + files.length > MAX_LINKS && <span className={classes.dim}>and more</span>}
        </div>
      ))}
    </li>
  );
}

const MAX_LINKS = 8;
const MAX_NAMES = 40;

function SetDifference({ sign, word, names }: { sign: string; word: string; names: readonly string[] }) {
  if (names.length === 0) return null;
  return (
    <div className={classes.difference} data-sign={sign}>
      {sign} {word}: {names.slice(0, MAX_NAMES).map(shownText).join(", ")}
      {names.length > MAX_NAMES && ` and ${names.length - MAX_NAMES} more`}
    </div>
  );
}

const PARTS: readonly { part: RulesPart; label: string; areas: readonly RuleChange["area"][] }[] = [
  { part: "policy", label: "The scan policy", areas: ["policy"] },
  { part: "profile", label: "The production profile", areas: ["hparams", "threshold", "container", "scanner"] },
];

function Apply(props: { changes: readonly RuleChange[]; revisionId: string; label: string; close: () => void }) {
  const { changes, revisionId, label, close } = props;
  const offered = PARTS.filter(({ areas }) => changes.some(({ area }) => areas.includes(area)));
  const [parts, setParts] = useState<readonly RulesPart[]>(offered.map(({ part }) => part));
  const chosen = PARTS.filter(({ part }) => parts.includes(part)).flatMap(({ areas }) => areas);
  return (
    <form
      className={classes.dialog}
      onSubmit={(event) => {
        event.preventDefault();
        close();
        applyRules(revisionId, [...parts]).catch((thrown: unknown) => notifyError(thrown, "Nothing was changed."));
      }}
    >
      <p>
        Scans and new runs go by these rules from now on. Runs made under the rules before are marked as stale. This can
        be taken back: the built-in rules stay.
      </p>
      {offered.map(({ part, label: name }) => (
        <Checkbox
          key={part}
          label={name}
          checked={parts.includes(part)}
          onChange={({ currentTarget }) =>
            setParts(currentTarget.checked ? [...parts, part] : parts.filter((other) => other !== part))
          }
        />
      ))}
      <ChangeList changes={changes.filter(({ area }) => chosen.includes(area))} />
      <div className={classes.actions}>
        <Button type="submit" variant="filled" disabled={parts.length === 0}>
          Use the rules of {label}
        </Button>
        <Button onClick={close}>Cancel</Button>
      </div>
    </form>
  );
}
