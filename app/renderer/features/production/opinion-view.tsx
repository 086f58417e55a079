/** The validator's own scanner, asked in the sandbox, beside ours. */
import { Button, Menu, Select } from "@mantine/core";
import { IconChevronDown, IconDownload } from "@tabler/icons-react";
import { useEffect, useRef, useState } from "react";
import { useStore } from "zustand";
import { formatInteger } from "../../../common/format.ts";
import type { Revision, Scanner } from "../../../common/production.ts";
import { VerdictMark } from "../../shell/ui/verdict-mark.tsx";
import { useBuffers } from "../editor/index.ts";
import { useWorkspace } from "../workspace/folders.ts";
import { askAboutCorpus, askAboutOpenFile, askAboutWorkspace, doing, exportReport } from "./actions.ts";
import type { Opinion } from "./answers.ts";
import { MARKS, markOf } from "./marks.ts";
import { inWords, type OpinionBatch, secondOpinion } from "./opinion-store.ts";
import classes from "./production.module.css";
import { AGREEMENT, shownOurs, shownTheirs } from "./report.ts";

/** `scanners` null: the source is still being read. */
export function OpinionView({
  scanners,
  revision,
}: {
  scanners: readonly Scanner[] | null;
  revision: Revision | null;
}) {
  const { running, batch } = useStore(secondOpinion);
  const [entry, setEntry] = useState<string | null>(null);
  const section = useRef<HTMLElement>(null);
  const isAsking = running !== null;
  useEffect(() => {
    // Asked from the palette, it may be out of sight.
    if (isAsking) section.current?.scrollIntoView({ block: "start" });
  }, [isAsking]);
  const hasFile = useBuffers(({ buffers, activeId }) => buffers.find(({ id }) => id === activeId)?.kind === "file");
  const hasFiles = useWorkspace(
    ({ folders }) => folders?.some(({ listing }) => (listing?.files.length ?? 0) > 0) ?? false,
  );
  if (scanners === null || revision === null) return null;
  const scanner = scanners.find(({ entry: { name } }) => name === entry) ?? scanners[0];
  return (
    <section ref={section} className={classes.part} aria-label="Second opinion">
      <h2 className={classes.title}>Second opinion</h2>
      {scanner === undefined ? (
        <p>
          No scan function was found in the source, so it cannot be asked. Its files have another shape than expected.
        </p>
      ) : (
        <>
          <p>
            The validator's own scan function is run in a sandbox of this window, without network, files or your data,
            and its verdict is set beside Crusader's.
          </p>
          <div className={classes.actions}>
            {scanners.length > 1 && (
              <Select
                aria-label="Function that is asked"
                data={scanners.map(({ entry: { name, file } }) => ({ value: name, label: `${name} in ${file}` }))}
                value={scanner.entry.name}
                onChange={setEntry}
                allowDeselect={false}
                w="22rem"
              />
            )}
            <Button
              variant="filled"
              disabled={!hasFile || running !== null}
              title={hasFile ? undefined : "Open a file in the editor"}
              onClick={doing(() => askAboutOpenFile(scanner.entry.name))}
            >
              Ask about the open file
            </Button>
            <Menu>
              <Menu.Target>
                <Button disabled={running !== null} rightSection={<IconChevronDown size="1em" aria-hidden />}>
                  Ask about more
                </Button>
              </Menu.Target>
              <Menu.Dropdown>
                <Menu.Item disabled={!hasFiles} onClick={doing(() => askAboutWorkspace(scanner.entry.name))}>
                  All files of the open folders
                </Menu.Item>
                <Menu.Item onClick={doing(() => askAboutCorpus(scanner.entry.name))}>
                  The cases that Crusader's scanner is tested with
                </Menu.Item>
              </Menu.Dropdown>
            </Menu>
            {batch !== null && running === null && (
              <Button leftSection={<IconDownload size="1em" aria-hidden />} onClick={doing(() => exportReport(batch))}>
                Export the report
              </Button>
            )}
          </div>
          <Limits scanner={scanner} />
        </>
      )}
      {running !== null && (
        <div className={classes.line} aria-live="polite">
          <VerdictMark
            mark="running"
            word={
              batch?.how === null
                ? "Starting the sandbox"
                : `Asked about ${formatInteger(running.done)} of ${formatInteger(running.total)} files`
            }
          />
          <Button onClick={running.cancel}>Cancel</Button>
        </div>
      )}
      {batch !== null && <Batch batch={batch} isRunning={running !== null} />}
    </section>
  );
}

function Limits({ scanner: { unresolved, notes } }: { scanner: Scanner }) {
  if (unresolved.length + notes.length === 0) return null;
  return (
    <details>
      <summary>The extract may behave otherwise than the original</summary>
      <ul className={classes.list}>
        {unresolved.length > 0 && <li>Not found for it: {unresolved.join(", ")}</li>}
        {notes.map((note) => (
          <li key={note}>{note}</li>
        ))}
      </ul>
    </details>
  );
}

function Batch({ batch, isRunning }: { batch: OpinionBatch; isRunning: boolean }) {
  const { revision, scanner, how, why, opinions } = batch;
  const differing = opinions.filter(({ agreement }) => agreement !== "agree");
  return (
    <>
      {!isRunning && (
        <div role="status">
          <VerdictMark mark={markOf(batch)} word={`The validator's scanner at ${revision.label} ${inWords(batch)}`} />
        </div>
      )}
      {why !== "" && <p>Could not be asked: {why}.</p>}
      {how !== null && (
        <p className={classes.dim}>
          Asked: <span className="mono">{how}</span>, {scanner.entry.file}:{scanner.entry.line}
        </p>
      )}
      {opinions.length === 1 || differing.length > 0 ? (
        <OpinionTable opinions={opinions.length === 1 ? opinions : differing} />
      ) : null}
    </>
  );
}

const MAX_ROWS = 200;

function OpinionTable({ opinions }: { opinions: readonly Opinion[] }) {
  return (
    <>
      <table className={classes.table}>
        <thead>
          <tr>
            <th scope="col">File</th>
            <th scope="col">Opinion</th>
            <th scope="col">Crusader's scanner</th>
            <th scope="col">The validator's</th>
          </tr>
        </thead>
        <tbody>
          {opinions.slice(0, MAX_ROWS).map(({ name, agreement, ours, theirs }) => (
            <tr key={name} data-agreement={agreement}>
              <th scope="row">{name}</th>
              <td>
                <VerdictMark mark={MARKS[agreement]} word={AGREEMENT[agreement]} />
              </td>
              <td>{shownOurs(ours)}</td>
              <td>{shownTheirs(theirs)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {opinions.length > MAX_ROWS && (
        <p className={classes.dim}>
          The first {MAX_ROWS} of {formatInteger(opinions.length)}; the report has all of them.
        </p>
      )}
    </>
  );
}
