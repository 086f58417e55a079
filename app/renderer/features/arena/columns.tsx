/** The columns that lists of submissions share. */
import { IconCrown, IconUser } from "@tabler/icons-react";
import type { ArenaSubmission } from "../../../common/arena.ts";
import { formatInteger, formatMfu } from "../../../common/format.ts";
import { VerdictMark } from "../../shell/ui/verdict-mark.tsx";
import classes from "./arena.module.css";
import type { Column } from "./submission-grid.tsx";
import { ageText, shortHotkey, shownMoment, stateMark } from "./words.ts";

type Of<Row> = (row: Row) => ArenaSubmission;

export function scoreColumn<Row>(of: Of<Row>): Column<Row> {
  return {
    title: "Score",
    isNumber: true,
    width: "4.75rem",
    cell: (row) => {
      const { score } = of(row);
      return score === null ? "" : formatMfu(score);
    },
    full: () => "MFU",
  };
}

export function minerColumns<Row>(of: Of<Row>): Column<Row>[] {
  return [
    {
      title: "UID",
      isNumber: true,
      width: "3rem",
      cell: (row) => of(row).uid ?? "",
    },
    {
      title: "Hotkey",
      width: "minmax(9rem, 1fr)",
      cell: (row) => {
        const { hotkey, isOwn } = of(row);
        return (
          <>
            {isOwn && (
              <b className={classes.own}>
                <IconUser size="1em" aria-hidden /> own{" "}
              </b>
            )}
            <span className="mono">{hotkey === null ? "" : shortHotkey(hotkey)}</span>
          </>
        );
      },
      full: (row) => of(row).hotkey ?? "",
    },
  ];
}

export function runsColumn<Row>(of: Of<Row>): Column<Row> {
  return {
    title: "Runs",
    isNumber: true,
    width: "3rem",
    cell: (row) => {
      const { evaluationCount } = of(row);
      return evaluationCount === null ? "" : formatInteger(evaluationCount);
    },
  };
}

export function ageColumn<Row>(of: Of<Row>, nowMs: number): Column<Row> {
  return {
    title: "Age",
    isNumber: true,
    width: "6.5rem",
    cell: (row) => ageText(of(row).createdAt, nowMs),
    full: (row) => {
      const { createdAt, zoneAssumed } = of(row);
      if (createdAt === null) return "The source tells no time.";
      return `${shownMoment(createdAt)}${zoneAssumed ? "; its time came without a zone, and is taken as UTC" : ""}`;
    },
  };
}

export function idColumn<Row>(of: Of<Row>): Column<Row> {
  return {
    title: "Submission",
    width: "minmax(8rem, 1.4fr)",
    cell: (row) => {
      const { submissionId, isListed } = of(row);
      return (
        <>
          <span className="mono">{submissionId}</span>
          {!isListed && <span className={classes.dim}> no longer listed</span>}
        </>
      );
    },
    full: (row) => of(row).submissionId,
  };
}

export function stateColumn<Row>(of: Of<Row>): Column<Row> {
  return {
    title: "State",
    width: "minmax(8rem, 1fr)",
    cell: (row) => <VerdictMark {...stateMark(of(row))} />,
    full: (row) => of(row).error ?? of(row).status ?? "",
  };
}

export function LeaderMark() {
  return (
    <>
      <IconCrown size="1em" className={classes.leader} aria-label="leader" />{" "}
    </>
  );
}
