/** What the validator does: its own words, its queue, and what came last. */
import { useMemo } from "react";
import type { ArenaSubmission, ValidatorStatus } from "../../../common/arena.ts";
import { formatInteger, formatMfu } from "../../../common/format.ts";
import { client } from "../../client.ts";
import { EmptyState, ErrorState, Loading } from "../../shell/ui/states.tsx";
import classes from "./arena.module.css";
import { useFollowed } from "./arena-store.ts";
import { ageColumn, idColumn, minerColumns, scoreColumn, stateColumn } from "./columns.tsx";
import { compareSelected } from "./compare.ts";
import { type Column, SubmissionGrid } from "./submission-grid.tsx";
import { type Selected, showView } from "./view.ts";

const readStatus = (source: string, signal: AbortSignal) => client.arena.status({ source }, { signal });
const itself = (submission: ArenaSubmission) => submission;
const referenceOf = ({ source, submissionId }: ArenaSubmission) => ({ source, submissionId });

type ValidatorProps = { source: string; nowMs: number; selected: Selected; onSearch: () => void };

export function ValidatorView({ source, nowMs, selected, onSearch }: ValidatorProps) {
  const { value: status, error } = useFollowed(source, readStatus);
  if (status === null)
    return error === null ? <Loading what="Reading the validator's status" /> : <ErrorState error={error} />;
  const lists = { nowMs, selected, onSearch };
  return (
    <div className={classes.page}>
      {error !== null && <p className={classes.caution}>{error.message}</p>}
      <Facts status={status} />
      <section className={classes.part} aria-label="Queue">
        <h3 className={classes.title}>Queue, {formatInteger(status.queue.length)}, the oldest first</h3>
        {status.queue.length === 0 ? (
          <p className={classes.dim}>Nothing waits.</p>
        ) : (
          <List label="Queue" submissions={status.queue} {...lists} />
        )}
      </section>
      <section className={classes.part} aria-label="Recent">
        <h3 className={classes.title}>Recent, the newest first</h3>
        {status.recent.length === 0 ? (
          <EmptyState title="No submission was seen yet" />
        ) : (
          <List label="Recent submissions" submissions={status.recent} {...lists} />
        )}
      </section>
    </div>
  );
}

function Facts({ status }: { status: ValidatorStatus }) {
  const count = (value: number | null) => (value === null ? null : formatInteger(value));
  const facts: [string, string | null][] = [
    ["Status", status.status ?? "The source tells none."],
    ["Evaluates now", status.currentEvaluation],
    ["Up for", status.uptime],
    ["Queued", count(status.queued)],
    ["Running", count(status.running)],
    ["Finished", count(status.finished)],
    ["Failed", count(status.failed)],
    ["Success", status.successPercent === null ? null : formatMfu(status.successPercent)],
    ["Average score", status.averageScore === null ? null : formatMfu(status.averageScore)],
    ["Evaluations in the last hour", count(status.evaluationsLastHour)],
    ["Submissions in the last day", count(status.submissionsLastDay)],
    ["Active miners", count(status.activeMiners)],
  ];
  return (
    <section aria-label="Validator">
      <dl className={classes.numbers}>
        {facts.map(
          ([name, value]) =>
            value !== null && (
              <div key={name}>
                <dt>{name}</dt>
                <dd className="number">{value}</dd>
              </div>
            ),
        )}
      </dl>
      {status.countsFrom === "kept" && (
        <p className={classes.dim}>The counts are of what is kept here: the source gives none.</p>
      )}
    </section>
  );
}

type ListProps = Omit<ValidatorProps, "source"> & { label: string; submissions: readonly ArenaSubmission[] };

function List({ label, submissions, nowMs, selected, onSearch }: ListProps) {
  const rows = useMemo(() => new Map(submissions.entries()), [submissions]);
  const columns = useMemo(
    (): Column<ArenaSubmission>[] => [
      ageColumn(itself, nowMs),
      stateColumn(itself),
      scoreColumn(itself),
      {
        title: "Reason",
        width: "minmax(6rem, 1.4fr)",
        cell: ({ error }) => error ?? "",
        full: ({ error }) => error ?? "",
      },
      ...minerColumns(itself),
      idColumn(itself),
    ],
    [nowMs],
  );
  return (
    <SubmissionGrid
      label={label}
      columns={columns}
      rows={rows}
      total={submissions.length}
      submissionOf={referenceOf}
      selected={selected}
      onOpen={(reference) => showView({ kind: "submission", reference })}
      onCompare={compareSelected}
      onSearch={onSearch}
    />
  );
}
