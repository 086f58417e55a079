/** The code of a submission, or what differs between another one and it. */
import { Button, SegmentedControl } from "@mantine/core";
import { IconAlertTriangle, IconFileImport, IconMessagePlus } from "@tabler/icons-react";
import { useMemo, useState } from "react";
import type { ArenaCode, DiffSide, ShownSubmission } from "../../../../common/arena.ts";
import type { Inspection, LineNote } from "../../../../common/arena-review.ts";
import { formatBytes, formatInteger, originText } from "../../../../common/format.ts";
import { client } from "../../../client.ts";
import { EmptyState, ErrorState, Loading } from "../../../shell/ui/states.tsx";
import type { ReadOnlyBuffer } from "../../editor/buffers.ts";
import { useLoaded } from "../../production/use-loaded.ts";
import { CodeView, InMonaco } from "./code-view.tsx";
import classes from "./submission-page.module.css";

/** What the code is held against; null: it is shown alone. */
export type Against = { side: DiffSide; title: string } | null;

export type CodePartProps = {
  shown: ShownSubmission;
  inspection: Inspection | null;
  notes: readonly LineNote[];
  against: Against;
  onAgainst: (against: Against) => void;
  onOther: () => void;
  onNote: (line: number) => void;
};

/** Names this code among the editor's cursors. */
export const bufferIdOf = ({ source, submissionId }: ShownSubmission["submission"]) =>
  `arena:${source} ${submissionId}`;

export function CodePart({ shown, inspection, notes, against, onAgainst, onOther, onNote }: CodePartProps) {
  const { submission, code, codeProblem, seenAt } = shown;
  const { source, submissionId, isOwn } = submission;
  const [line, setLine] = useState(1);
  const buffer = useMemo((): ReadOnlyBuffer | null => {
    const target = { kind: "submission" as const, source, submissionId };
    const named = {
      kind: "readOnly" as const,
      id: `arena:${source} ${submissionId}`,
      title: submissionId,
      origin: source,
    };
    return code === null ? null : { ...named, text: code.text, target };
  }, [source, submissionId, code]);
  return (
    <section className={classes.code} aria-label="Code">
      <div className={classes.bar} role="note">
        <IconFileImport size="1rem" aria-hidden />
        <span className={classes.words}>
          {isOwn ? "Code of an own hotkey" : "Another's code"}, {originText({ source, submissionId, seenAt })}:
          read-only
          {isOwn ? "" : ", and it runs in a container only"}.
        </span>
      </div>
      {code === null || buffer === null ? (
        <EmptyState title="No code is kept">
          {codeProblem} Evaluated code becomes public; "Read it anew" asks the source for it.
        </EmptyState>
      ) : (
        <>
          {!code.isText && (
            <Warning>
              This is no text: bytes that are no UTF-8 are shown as {"\u{FFFD}"}. It cannot be opened as a copy.
            </Warning>
          )}
          <Hidden code={code} />
          <div className={classes.line}>
            <Views shown={shown} against={against} onAgainst={onAgainst} />
            <Button onClick={onOther}>Against another</Button>
            {against === null && (
              <Button leftSection={<IconMessagePlus size="1em" aria-hidden />} onClick={() => onNote(line)}>
                Note line {formatInteger(line)}
              </Button>
            )}
            <span className={classes.dim}>
              {formatInteger(code.lines)} lines, {formatBytes(code.bytes)}
            </span>
          </div>
          {against === null ? (
            <div className={classes.monaco} data-foreign>
              <CodeView buffer={buffer} inspection={inspection} notes={notes} onLine={setLine} onNote={onNote} />
            </div>
          ) : (
            <Differences reference={{ source, submissionId }} against={against} sha256={code.sha256} />
          )}
        </>
      )}
    </section>
  );
}

function Warning({ children }: { children: React.ReactNode }) {
  return (
    <div className={classes.bar} data-kind="warning" role="note">
      <IconAlertTriangle size="1rem" aria-hidden />
      <span className={classes.words}>{children}</span>
    </div>
  );
}

const MAX_PLACES = 5;

function Hidden({ code: { hiddenCount, hidden, longestLineCharacters } }: { code: ArenaCode }) {
  const isLong = longestLineCharacters > 500;
  if (hiddenCount === 0 && !isLong) return null;
  const places = hidden.slice(0, MAX_PLACES).map(({ line, codePoint }) => `${codePoint} in line ${line}`);
  return (
    <Warning>
      {hiddenCount > 0 &&
        `${formatInteger(hiddenCount)} invisible or reordering ${hiddenCount === 1 ? "character" : "characters"}, shown as \u{FFFD}: ${places.join(", ")}${hiddenCount > MAX_PLACES ? ", and more" : ""}. `}
      {isLong && `The longest line has ${formatInteger(longestLineCharacters)} characters: scroll to its end.`}
    </Warning>
  );
}

type ViewsProps = { shown: ShownSubmission; against: Against; onAgainst: (against: Against) => void };

function Views({ shown: { submission, leaderId, previousId }, against, onAgainst }: ViewsProps) {
  const { source, submissionId } = submission;
  const views: { value: string; label: string; against: Against }[] = [
    { value: "code", label: "Code", against: null },
    ...(leaderId === null || leaderId === submissionId
      ? []
      : [
          {
            value: "leader",
            label: "Against the leader",
            against: { side: { kind: "leader" as const, source }, title: "the leader" },
          },
        ]),
    ...(previousId === null
      ? []
      : [
          {
            value: "previous",
            label: "Against its author's previous",
            against: { side: { kind: "previous" as const }, title: "its author's previous one" },
          },
        ]),
  ];
  const known = views.find((view) => JSON.stringify(view.against?.side) === JSON.stringify(against?.side));
  if (known === undefined && against !== null) {
    views.push({ value: "other", label: `Against ${against.title}`, against });
  }
  return (
    <SegmentedControl
      size="xs"
      aria-label="What is shown"
      data={views.map(({ value, label }) => ({ value, label }))}
      value={known?.value ?? "other"}
      onChange={(value) => onAgainst(views.find((view) => view.value === value)?.against ?? null)}
    />
  );
}

type DifferencesProps = {
  reference: { source: string; submissionId: string };
  against: NonNullable<Against>;
  sha256: string;
};

function Differences({ reference, against: { side }, sha256 }: DifferencesProps) {
  const { value, error, again } = useLoaded(JSON.stringify([side, reference, sha256]), (signal) =>
    // What it is held against is A, and stands at the left.
    client.arena.diff({ a: side, b: { kind: "submission", ...reference } }, { signal }),
  );
  if (error !== null) return <ErrorState error={error} retry={again} />;
  if (value === null) return <Loading what="Comparing" />;
  const { a, b, identical } = value;
  if (identical) return <EmptyState title="The same bytes">{a.title} and this one are the very same code.</EmptyState>;
  const sideOf = ({ title, text }: typeof a) => ({ kind: "text" as const, title, text });
  const id = `arena-diff:${a.sha256} ${b.sha256}`;
  return <Beside key={id} id={id} left={sideOf(a)} right={sideOf(b)} />;
}

type Side = { kind: "text"; title: string; text: string };

function Beside({ id, left, right }: { id: string; left: Side; right: Side }) {
  // biome-ignore lint/correctness/useExhaustiveDependencies: the id names both texts
  const buffer = useMemo(() => ({ kind: "diff" as const, id, title: "Differences", left, right }), [id]);
  return (
    <>
      <div className={classes.sides}>
        <span>A: {left.title}</span>
        <span>B: {right.title}</span>
      </div>
      <div className={classes.monaco} data-foreign>
        <InMonaco buffer={buffer} />
      </div>
    </>
  );
}
