import { Button } from "@mantine/core";
import { IconCircleFilled, IconEye, IconFileImport, IconGitCompare, IconX } from "@tabler/icons-react";
import { Suspense } from "react";
import { useStore } from "zustand";
import { originText } from "../../../common/format.ts";
import { lazily } from "../../shell/lazily.tsx";
import { notifyError } from "../../shell/notifications.ts";
import { Loading } from "../../shell/ui/states.tsx";
import { VerdictMark } from "../../shell/ui/verdict-mark.tsx";
import type { EditorBuffer, FileBuffer } from "./buffers.ts";
import classes from "./editor-panel.module.css";
import { verdictWords } from "./findings.ts";
import { buffers, closeTab, compareWithDisk, copyToFile, loadedMonaco, useBuffers } from "./index.ts";
import { useProblems } from "./problems.ts";
import { useCodeOrigin } from "./use-code-origin.ts";
import { Welcome } from "./welcome.tsx";

const MonacoView = lazily(() => import("./monaco-view.tsx"));

export default function EditorPanel() {
  const open = useBuffers((state) => state.buffers);
  const activeId = useBuffers((state) => state.activeId);
  const active = open.find(({ id }) => id === activeId);
  if (active === undefined) return <Welcome />;
  return <Opened open={open} active={active} />;
}

function Opened({ open, active }: { open: readonly EditorBuffer[]; active: EditorBuffer }) {
  const loaded = useStore(loadedMonaco, (state) => state.loaded);
  const origin = useCodeOrigin(active);
  return (
    <div className={classes.panel}>
      <Tabs open={open} activeId={active.id} />
      {active.kind === "file" && active.external !== null && <ExternalBar buffer={active} />}
      {origin !== null && (
        <div className={classes.bar} role="note">
          <IconFileImport size="1rem" aria-hidden />
          <span className={classes.words}>
            {"runId" in origin
              ? `An unchanged copy of another's code, ${originText(origin)}: it runs in a sandbox only. Once changed and saved, it is your own.`
              : `A copy of another's code, ${originText(origin)}: it runs in a container only, also once it is changed.`}
          </span>
        </div>
      )}
      {active.kind === "file" && <WholeFileBar id={active.id} />}
      {active.kind === "readOnly" && (
        <div className={classes.bar} role="note">
          <IconEye size="1rem" aria-hidden />
          <span className={classes.words}>Read-only: {active.origin}</span>
          <Button onClick={() => copyToFile(active).catch((thrown: unknown) => notifyError(thrown))}>
            Make a file of it
          </Button>
        </div>
      )}
      <div
        className={classes.body}
        role="tabpanel"
        aria-label={active.title}
        data-foreign={active.kind === "readOnly" || origin !== null || undefined}
      >
        <Suspense fallback={<Loading what="Loading the editor" />}>
          {loaded === null ? <Loading what="Loading the editor" /> : <MonacoView buffer={active} />}
        </Suspense>
      </div>
    </div>
  );
}

function Tabs({ open, activeId }: { open: readonly EditorBuffer[]; activeId: string }) {
  return (
    <div
      className={classes.tabs}
      role="tablist"
      aria-label="Open files"
      onKeyDown={(event) => {
        const step = { ArrowRight: 1 as const, ArrowLeft: -1 as const }[event.key];
        if (step === undefined && event.key !== "Delete") return;
        event.preventDefault();
        if (step === undefined) closeTab(activeId);
        else buffers.step(step);
        const tabs = event.currentTarget.querySelectorAll<HTMLElement>("[role=tab]");
        const index = buffers.state.getState().buffers.findIndex(({ id }) => id === buffers.active?.id);
        tabs[index]?.focus();
      }}
    >
      {open.map((buffer) => {
        const dirty = buffer.kind === "file" && buffer.dirty;
        const selected = buffer.id === activeId;
        return (
          <div key={buffer.id} className={classes.tab} data-selected={selected || undefined} role="presentation">
            <button
              type="button"
              role="tab"
              aria-selected={selected}
              tabIndex={selected ? 0 : -1}
              title={buffer.kind === "file" ? buffer.file.name : buffer.title}
              onClick={() => buffers.activate(buffer.id)}
              onAuxClick={(event) => {
                if (event.button === 1) closeTab(buffer.id);
              }}
            >
              {buffer.kind === "diff" && <IconGitCompare size="0.875rem" aria-hidden />}
              {buffer.kind === "readOnly" && <IconEye size="0.875rem" aria-hidden />}
              {buffer.title}
              <TabOrigin buffer={buffer} />
              {dirty && <IconCircleFilled size="0.5rem" aria-label="not saved" />}
              {buffer.kind === "file" && <TabVerdict id={buffer.id} />}
              {/* For the mouse: a button in a tab is out of a screen reader's reach, and Delete closes as well. */}
              <span
                className={classes.close}
                aria-hidden
                title="Close"
                onClick={(event) => {
                  event.stopPropagation();
                  closeTab(buffer.id);
                }}
              >
                <IconX size="0.75rem" />
              </span>
            </button>
          </div>
        );
      })}
    </div>
  );
}

function TabOrigin({ buffer }: { buffer: EditorBuffer }) {
  const origin = useCodeOrigin(buffer);
  if (origin === null) return null;
  return <span className={classes.origin}>{"runId" in origin ? "(imported)" : "(another's)"}</span>;
}

/** What production's scan would say about the text as it is, in the words of the command line. */
function TabVerdict({ id }: { id: string }) {
  const scanned = useProblems(({ byBuffer }) => byBuffer[id]);
  if (scanned === undefined) return null;
  const { current, analysis, failure } = scanned;
  if (failure !== null) return <VerdictMark mark="error" word="not checked" />;
  if (!current || analysis === null) return <VerdictMark mark="running" word="checking" />;
  return <VerdictMark mark={analysis.verdict.ok ? "passed" : "failed"} word={verdictWords(analysis)} />;
}

/** What the scan rejects that stands in no line: behind one, the line would be thought at fault. */
function WholeFileBar({ id }: { id: string }) {
  const scanned = useProblems(({ byBuffer }) => byBuffer[id]);
  const problem = scanned?.problems.find(({ kind, isOfWholeFile }) => kind === "rejection" && isOfWholeFile);
  if (scanned === undefined || problem === undefined) return null;
  return (
    <div className={classes.bar} role="note" data-stale={!scanned.current || undefined}>
      <VerdictMark mark="failed" word={problem.standing === "stops" ? "production stops" : "rejected"} />
      <span className={classes.words}>The file as a whole: {problem.message}</span>
    </div>
  );
}

function ExternalBar({ buffer }: { buffer: FileBuffer }) {
  const { id, external, title } = buffer;
  const deleted = external?.kind === "deleted";
  return (
    <div className={classes.bar} data-kind="warning" role="alert">
      <span className={classes.words}>
        {deleted
          ? `${title} is no longer on the disk. The text here was not saved.`
          : `${title} was changed on the disk by something else. Nothing was overwritten.`}
      </span>
      {!deleted && <Button onClick={() => compareWithDisk(buffer)}>Compare</Button>}
      <Button
        onClick={() => {
          buffers.keepMine(id);
          if (deleted) buffers.save(id).catch((thrown: unknown) => notifyError(thrown));
        }}
      >
        {deleted ? "Save it again" : "Keep mine"}
      </Button>
      {deleted ? (
        <Button onClick={() => closeTab(id)}>Close</Button>
      ) : (
        <Button onClick={() => buffers.takeTheirs(id)}>Take the disk's</Button>
      )}
    </div>
  );
}
