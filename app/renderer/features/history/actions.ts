/** What can be done with runs of the history. Whatever deletes can be taken back. */
import { formatBytes, formatInteger } from "../../../common/format.ts";
import type { DeletedRuns, HistoryFilter } from "../../../common/history.ts";
import { client } from "../../client.ts";
import { downloadFile } from "../../shell/help.ts";
import { notify, notifyError } from "../../shell/notifications.ts";
import { selection } from "../../shell/selection.ts";
import { openFeature } from "../open-feature.ts";
import { comparedPair } from "./run-table.ts";
import { history } from "./use-history.ts";

export function showRun(runId: string, panel: "result" | "simulation" = "result"): void {
  selection.setState({ runId });
  openFeature(panel);
}

/** False unless just two are selected. */
export function compareSelected(selected: ReadonlySet<string>): boolean {
  const pair = comparedPair(selected);
  if (pair === null) return false;
  selection.setState({ comparedRunId: pair.a, runId: pair.b });
  openFeature("compare");
  return true;
}

export const runsText = (count: number) => `${formatInteger(count)} ${count === 1 ? "run" : "runs"}`;

export async function deleteRuns(runIds: readonly string[]): Promise<void> {
  await told(async () => offerUndo(await client.runs.delete({ runIds: [...runIds] })));
}

export async function prune(rules: Parameters<typeof client.runs.prune>[0]): Promise<void> {
  await told(async () => offerUndo(await client.runs.prune(rules)));
}

function offerUndo({ undoId, runIds, bytes }: DeletedRuns): void {
  if (runIds.length === 0) {
    notify({ kind: "info", title: "Nothing was deleted" });
    return;
  }
  void history.refresh();
  notify({
    kind: "info",
    title: `${runsText(runIds.length)} deleted, ${formatBytes(bytes)}`,
    message: "They can be brought back for an hour.",
    key: `deleted:${undoId}`,
    timeoutMs: 60_000,
    actions: [
      {
        label: "Undo",
        run: async () => {
          const restored = await client.runs.undoDelete({ undoId });
          notify({
            kind: "success",
            title: `${runsText(restored.runIds.length)} brought back`,
            key: `deleted:${undoId}`,
          });
          void history.refresh();
        },
      },
    ],
  });
}

export async function pinBaseline(runId: string | null): Promise<void> {
  await told(async () => {
    await client.runs.pinBaseline({ runId });
    void history.refresh();
  });
}

export async function exportList(format: "csv" | "json", filter: HistoryFilter): Promise<void> {
  await told(async () => downloadFile(await client.runs.exportList({ ...filter, format })));
}

async function told(action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (thrown) {
    notifyError(thrown);
  }
}
