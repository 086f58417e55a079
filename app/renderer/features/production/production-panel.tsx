/** The validator's own source: where it comes from, what changed in it, and what its scanner says. */
import { Button, Modal } from "@mantine/core";
import { useState } from "react";
import { formatBytes, formatInteger } from "../../../common/format.ts";
import type { ProductionStatus, Revision } from "../../../common/production.ts";
import type { Task } from "../../../common/tasks.ts";
import { client } from "../../client.ts";
import { useActivity } from "../../shell/activity.ts";
import { notifyError } from "../../shell/notifications.ts";
import { ErrorState, Loading } from "../../shell/ui/states.tsx";
import { VerdictMark } from "../../shell/ui/verdict-mark.tsx";
import { doing, fetchSource, pinRevision, removeSource, revertRules } from "./actions.ts";
import { ChangesView } from "./changes-view.tsx";
import { OpinionView } from "./opinion-view.tsx";
import classes from "./production.module.css";
import { useProduction } from "./production-store.ts";
import { ReadingView } from "./reading-view.tsx";
import { shownSource } from "./report.ts";
import { SourceForm } from "./source-form.tsx";
import { useLoaded } from "./use-loaded.ts";
import { ageInWords } from "./words.ts";

export default function ProductionPanel() {
  const { status, error, again } = useProduction();
  if (status === null) {
    return error === null ? (
      <Loading what="Reading the validator's source" />
    ) : (
      <ErrorState error={error} retry={again} />
    );
  }
  return (
    <div className={classes.panel}>
      {status.newest === null && status.pinned === null ? (
        <Introduction status={status} />
      ) : (
        <Fetched status={status} />
      )}
    </div>
  );
}

function Introduction({ status }: { status: ProductionStatus }) {
  return (
    <section className={classes.part} aria-label="Validator source">
      <h2 className={classes.title}>The validator's source was not fetched yet</h2>
      <p>
        The rules of production are public, in the validator's repository. Crusader fetches it when asked to, keeps it
        in its data folder, and reads it as data: what changed in the rules, what that would mean for your runs and
        files, and what the validator's own scanner says. Nothing of it runs outside a sandbox in this window.
      </p>
      <p className={classes.dim}>
        What is fetched is the code of others under their own licence. It stays on this machine and is no part of
        Crusader.
      </p>
      <SourceForm source={status.source} />
      <FetchState />
      <InForce status={status} />
    </section>
  );
}

function Fetched({ status }: { status: ProductionStatus }) {
  const { pinned, newest } = status;
  const [changing, setChanging] = useState(false);
  const [removing, setRemoving] = useState(false);
  const isFetching = useFetch()?.state === "running";
  const side = newest === null ? "pinned" : "newest";
  const shown = newest ?? pinned;
  const reading = useLoaded(`${side} ${shown?.id}`, (signal) => client.production.reading({ side }, { signal }));
  return (
    <>
      <section className={classes.part} aria-label="Source">
        <h2 className={classes.title}>Source</h2>
        <p>
          Read from <span className="mono">{shownSource(status.source)}</span>, as data of this machine.
        </p>
        <dl className={classes.facts}>
          {newest !== null && <RevisionFact name="Newest known" revision={newest} />}
          {pinned !== null && <RevisionFact name="Pinned" revision={pinned} />}
        </dl>
        <InForce status={status} />
        <div className={classes.actions}>
          <Button variant="filled" disabled={isFetching} onClick={doing(() => fetchSource())}>
            Check for changes
          </Button>
          {newest !== null && newest.id !== pinned?.id && (
            <Button onClick={doing(() => pinRevision(newest.id))} title="Changes are then told against it">
              Pin {newest.label}
            </Button>
          )}
          <Button aria-expanded={changing} disabled={isFetching} onClick={() => setChanging(!changing)}>
            Another source
          </Button>
          <Button disabled={isFetching} onClick={() => setRemoving(true)}>
            Remove
          </Button>
        </div>
        {changing && <SourceForm source={status.source} onDone={() => setChanging(false)} />}
        <FetchState />
        <LeftOut revision={shown} />
      </section>
      <ChangesView status={status} />
      <OpinionView scanners={reading.value?.scanners ?? null} revision={shown} />
      <ReadingView reading={reading} />
      <Modal opened={removing} onClose={() => setRemoving(false)} title="Remove the validator's source">
        <div className={classes.dialog}>
          <p>What was fetched is deleted from the data folder. Rules that were taken over stay in force.</p>
          <div className={classes.actions}>
            <Button
              variant="filled"
              onClick={() => {
                setRemoving(false);
                removeSource().catch((thrown: unknown) => notifyError(thrown));
              }}
            >
              Remove the source
            </Button>
            <Button onClick={() => setRemoving(false)}>Cancel</Button>
          </div>
        </div>
      </Modal>
    </>
  );
}

function RevisionFact({ name, revision }: { name: string; revision: Revision }) {
  const { label, committedAt, fetchedAt, files, bytes } = revision;
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        <b className="mono">{label}</b>
        {committedAt !== null && ` committed ${ageInWords(committedAt)},`}{" "}
        {revision.source.kind === "folder" ? "read" : "fetched"} {ageInWords(fetchedAt)};{" "}
        {files === 1 ? "1 file" : `${formatInteger(files)} files`}, {formatBytes(bytes)}
      </dd>
    </div>
  );
}

function LeftOut({ revision }: { revision: Revision | null }) {
  const leftOut = revision?.leftOut ?? [];
  if (leftOut.length === 0) return null;
  return (
    <details>
      <summary>
        {leftOut.length === 1 ? "1 thing of it was" : `${formatInteger(leftOut.length)} things of it were`} left out
      </summary>
      <ul className={classes.list}>
        {leftOut.map((what) => (
          <li key={what}>{what}</li>
        ))}
      </ul>
    </details>
  );
}

function InForce({ status }: { status: ProductionStatus }) {
  const [reverting, setReverting] = useState(false);
  const { appliedFrom, appliedAt } = status.inForce;
  if (appliedFrom === null) return <p className={classes.dim}>In force: the built-in rules.</p>;
  return (
    <div className={classes.line}>
      <span>
        In force: the rules of <b className="mono">{appliedFrom.label}</b>
        {appliedAt !== null && `, taken over ${ageInWords(appliedAt)}`}.
      </span>
      <Button onClick={() => setReverting(true)}>Back to the built-in rules</Button>
      <Modal opened={reverting} onClose={() => setReverting(false)} title="Back to the built-in rules">
        <div className={classes.dialog}>
          <p>
            Scans and new runs use the rules that Crusader came with. Runs that were made under the rules of{" "}
            {appliedFrom.label} are marked as stale.
          </p>
          <div className={classes.actions}>
            <Button
              variant="filled"
              onClick={() => {
                setReverting(false);
                revertRules().catch((thrown: unknown) => notifyError(thrown));
              }}
            >
              Use the built-in rules
            </Button>
            <Button onClick={() => setReverting(false)}>Cancel</Button>
          </div>
        </div>
      </Modal>
    </div>
  );
}

/** The last fetch, going on or over. */
function useFetch(): Task | undefined {
  return useActivity(({ tasks }) => tasks.find(({ kind }) => kind === "production_fetch"));
}

/** The fetch that is going on, or how the last one failed. */
function FetchState() {
  const task = useFetch();
  if (task === undefined) return null;
  if (task.state === "running") {
    return (
      <div className={classes.line} aria-live="polite">
        <VerdictMark mark="running" word={task.detail === "" ? task.title : task.detail} />
        <Button onClick={doing(async () => void (await client.tasks.cancel({ taskId: task.id })))}>Cancel</Button>
      </div>
    );
  }
  if (task.error === null || task.error.code === "cancelled") return null;
  return <ErrorState error={task.error} retry={doing(() => fetchSource())} />;
}
