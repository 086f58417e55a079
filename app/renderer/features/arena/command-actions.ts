/** What the arena's commands do. */
import { client } from "../../client.ts";
import { downloadFile } from "../../shell/help.ts";
import { notify } from "../../shell/notifications.ts";
import { showQuickInput } from "../../shell/quick-input.ts";
import { openFeature } from "../open-feature.ts";
import { goToSearch } from "./search-field.ts";
import { showSourceDialog } from "./source-dialog.ts";
import { showView, type View } from "./view.ts";
import { keyOf } from "./words.ts";

const MAX_FOUND = 50;

export function show(view: View): void {
  showView(view);
  openFeature("arena");
}

export function addSource(place: "api" | "database"): void {
  showSourceDialog({ kind: "add", place });
  show({ kind: "sources" });
}

export function search(): void {
  show({ kind: "board" });
  goToSearch();
}

export function find(): void {
  showQuickInput({
    kind: "pick",
    label: "Go to a submission of the arena",
    placeholder: "Id, hotkey, state or words of its code",
    items: () => [],
    more: async (query, signal) => {
      const words = query.trim().slice(0, 200);
      const { results } = await client.arena.search({ query: words, limit: MAX_FOUND }, { signal });
      return results.map(({ submission: { source, submissionId, hotkey, status } }) => ({
        id: keyOf({ source, submissionId }),
        title: submissionId,
        detail: hotkey === null ? source : `${source}, ${hotkey}`,
        hint: status ?? "",
        run: () => show({ kind: "submission", reference: { source, submissionId } }),
      }));
    },
  });
}

export async function refresh(): Promise<void> {
  const sources = await client.arena.refresh({});
  const away = sources.filter(({ problem }) => problem !== null).map(({ name }) => name);
  notify({
    kind: away.length === 0 ? "info" : "warning",
    title: away.length === 0 ? "The sources were looked at" : `No answer from ${away.join(", ")}`,
    key: "arena-refresh",
  });
}

export async function exportSource(): Promise<void> {
  const sources = await client.arena.sources();
  if (sources.length === 0) {
    notify({ kind: "info", title: "No source yet", key: "arena-export" });
    return;
  }
  showQuickInput({
    kind: "pick",
    label: "Save the submissions of",
    placeholder: "Source",
    items: () =>
      sources.map(({ name, place }) => ({
        id: name,
        title: name,
        detail: place,
        run: async () => downloadFile(await client.arena.export({ source: name, format: "csv" })),
      })),
  });
}
