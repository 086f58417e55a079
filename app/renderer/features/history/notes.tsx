/** Tags and note of the selected run, saved as they are left. */
import { Button, TagsInput, Textarea } from "@mantine/core";
import { IconPin } from "@tabler/icons-react";
import { useState } from "react";
import type { HistoryRun } from "../../../common/history.ts";
import { MAX_TAGS, tagOf } from "../../../common/tags.ts";
import { client } from "../../client.ts";
import { notifyError } from "../../shell/notifications.ts";
import { openRunSource } from "../editor/index.ts";
import { pinBaseline, showRun } from "./actions.ts";
import classes from "./history.module.css";
import { history } from "./use-history.ts";

const MAX_NOTE = 10_000;

export function Notes({ run, isBaseline }: { run: HistoryRun; isBaseline: boolean }) {
  const [tags, setTags] = useState(run.tags);
  const [note, setNote] = useState(run.note);
  const save = async (changed: { tags?: string[]; note?: string }) => {
    try {
      await client.runs.annotate({ runId: run.id, ...changed });
      await history.refresh();
    } catch (thrown) {
      notifyError(thrown, "The note is not saved.");
    }
  };
  return (
    <section className={classes.notes} aria-label={`Run ${run.id}`}>
      <div className={classes.actions}>
        <b>Run {run.id}</b>
        <Button onClick={() => showRun(run.id)}>Result</Button>
        <Button onClick={() => showRun(run.id, "simulation")}>Stages and log</Button>
        <Button onClick={() => openRunSource(run.id).catch((thrown: unknown) => notifyError(thrown))}>Source</Button>
        <Button
          leftSection={<IconPin size="1em" aria-hidden />}
          onClick={() => void pinBaseline(isBaseline ? null : run.id)}
        >
          {isBaseline ? "No longer the baseline" : "Make it the baseline"}
        </Button>
      </div>
      <TagsInput
        size="xs"
        aria-label="Tags"
        placeholder={tags.length === 0 ? "Tags" : ""}
        maxTags={MAX_TAGS}
        value={tags}
        onChange={(entered) => {
          const usable = entered.flatMap((tag) => tagOf(tag) ?? []);
          setTags(usable);
          void save({ tags: usable });
        }}
      />
      <Textarea
        aria-label="Note"
        placeholder="Note"
        autosize
        minRows={1}
        maxRows={6}
        maxLength={MAX_NOTE}
        value={note}
        onChange={({ currentTarget }) => setNote(currentTarget.value)}
        onBlur={() => {
          if (note !== run.note) void save({ note });
        }}
      />
    </section>
  );
}
