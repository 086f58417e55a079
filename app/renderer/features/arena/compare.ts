/** Comparing is done with two of anything: what is selected, or one of them and what is chosen then. */
import type { DiffSide, SubmissionReference } from "../../../common/arena.ts";
import { formatMfu } from "../../../common/format.ts";
import { client } from "../../client.ts";
import { type QuickItem, showQuickInput } from "../../shell/quick-input.ts";
import { allFiles } from "../workspace/folders.ts";
import { currentPanel, showView } from "./view.ts";
import { keyOf, shortHotkey, stateMark } from "./words.ts";

const MAX_CHOICES = 20;

const sideOf = (reference: SubmissionReference): DiffSide => ({ kind: "submission", ...reference });

/** False unless one or two are selected; with one, it asks with what. */
export function compareSelected(): boolean {
  const [a, b, more] = [...currentPanel().selected.values()];
  if (a === undefined || more !== undefined) return false;
  if (b === undefined) chooseOther(a);
  else showView({ kind: "compare", a: sideOf(a), b: sideOf(b) });
  return true;
}

/** What is compared is B; what was there before it, or is held against it, is A. */
function compareWith(one: SubmissionReference, a: DiffSide): void {
  showView({ kind: "compare", a, b: sideOf(one) });
}

/** Asks with what. `choose` gets it, with its name. */
export function chooseOther(
  one: SubmissionReference,
  choose: (side: DiffSide, title: string) => void = (side) => compareWith(one, side),
): void {
  const item = (id: string, title: string, detail: string, hint: string, side: DiffSide): QuickItem => ({
    id,
    title,
    detail,
    hint,
    run: () => choose(side, title),
  });
  showQuickInput({
    kind: "pick",
    label: `Compare ${one.submissionId} with`,
    placeholder: "A file, a run, a submission",
    items: () => [
      item("leader", "The leader", one.source, "", { kind: "leader", source: one.source }),
      item("previous", "Its author's one before", one.source, "", { kind: "previous" }),
      ...allFiles().map(({ file, folder }) =>
        item(`file:${file.folderId}/${file.name}`, file.name, folder, "file", { kind: "file", file }),
      ),
    ],
    more: async (query, signal) => {
      const words = query.trim().slice(0, 200);
      if (words === "") return [];
      const run = words.replace(/^run\s+/i, "");
      const [{ runs }, { results }] = await Promise.all([
        client.runs.list({ limit: MAX_CHOICES, ...(run === "" ? {} : { search: run }) }, { signal }),
        client.arena.search({ query: words, limit: MAX_CHOICES }, { signal }),
      ]);
      return [
        ...runs.map(({ id, submission, failure, state }) =>
          item(`run:${id}`, `run ${id}`, `${submission.name} v${submission.version}`, failure?.code ?? state, {
            kind: "run",
            runId: id,
          }),
        ),
        ...results
          .filter(({ submission }) => keyOf(submission) !== keyOf(one))
          .map(({ submission }) =>
            item(
              keyOf(submission),
              submission.submissionId,
              `${submission.source}, ${submission.hotkey === null ? "" : shortHotkey(submission.hotkey)}`,
              submission.score === null ? stateMark(submission).word : formatMfu(submission.score),
              sideOf({ source: submission.source, submissionId: submission.submissionId }),
            ),
          ),
      ];
    },
  });
}
