/** What was found: by words in code and facts, by state, or one's own. */
import { Button } from "@mantine/core";
import { useMemo } from "react";
import { formatInteger } from "../../../common/format.ts";
import { EmptyState, ErrorState, Loading } from "../../shell/ui/states.tsx";
import classes from "./arena.module.css";
import { type FoundRow, useFound, wantFound } from "./arena-store.ts";
import { ageColumn, idColumn, minerColumns, scoreColumn, stateColumn } from "./columns.tsx";
import { compareSelected } from "./compare.ts";
import { type Column, SubmissionGrid } from "./submission-grid.tsx";
import { changeSearch, isSearch, NO_SEARCH, type Search, type Selected, showView } from "./view.ts";

const submissionIn = ({ submission }: FoundRow) => submission;
const referenceOf = ({ submission: { source, submissionId } }: FoundRow) => ({ source, submissionId });

export type ResultsProps = {
  source: string;
  search: Search;
  nowMs: number;
  selected: Selected;
  onSearch: () => void;
};

export function Results({ source, search, nowMs, selected, onSearch }: ResultsProps) {
  const { rows, total, status, error } = useFound(source, search);
  const columns = useMemo(
    (): Column<FoundRow>[] => [
      scoreColumn(submissionIn),
      stateColumn(submissionIn),
      {
        title: "Found in",
        width: "minmax(10rem, 2fr)",
        cell: ({ line }) =>
          line === null ? (
            <span className={classes.dim}>what is known beside the code</span>
          ) : (
            <>
              <span className={classes.dim}>line {formatInteger(line.number)}</span>{" "}
              <span className="mono">{line.text.trim()}</span>
            </>
          ),
        full: ({ line }) => (line === null ? "" : line.text.trim()),
      },
      ...minerColumns(submissionIn),
      ageColumn(submissionIn, nowMs),
      idColumn(submissionIn),
      ...(search.everySource
        ? [{ title: "Source", width: "minmax(4rem, 0.6fr)", cell: ({ submission }: FoundRow) => submission.source }]
        : []),
    ],
    [nowMs, search.everySource],
  );
  if (!isSearch(search) || status === "loading") return <Loading what="Searching" />;
  if (status === "failed") return <ErrorState error={error} />;
  return (
    <>
      <div className={classes.bar}>
        <output className={classes.count}>{formatInteger(total)} found, the highest score first</output>
        {error !== null && <span className={classes.caution}>{error.message}</span>}
      </div>
      {total === 0 ? (
        <EmptyState
          title="Nothing is like that"
          actions={<Button onClick={() => changeSearch(NO_SEARCH)}>Show the leaderboard</Button>}
        >
          Words are looked for in code, ids, hotkeys, states and errors; all of them have to occur.
        </EmptyState>
      ) : (
        <SubmissionGrid
          label="Found submissions"
          columns={columns}
          rows={rows}
          total={total}
          submissionOf={referenceOf}
          selected={selected}
          onSight={wantFound}
          onOpen={(reference) => showView({ kind: "submission", reference })}
          onCompare={compareSelected}
          onSearch={onSearch}
        />
      )}
    </>
  );
}
