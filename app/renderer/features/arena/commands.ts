/** What can be done about the arena from anywhere; the code for it is loaded when it is first used. */
import { client } from "../../client.ts";
import type { Command } from "../../shell/commands.ts";
import { downloadFile } from "../../shell/help.ts";
import { notify } from "../../shell/notifications.ts";
import { showQuickInput } from "../../shell/quick-input.ts";
import { openFeature } from "../open-feature.ts";
import type { View } from "./view.ts";

const MAX_FOUND = 50;

async function show(view: View): Promise<void> {
  (await import("./view.ts")).showView(view);
  openFeature("arena");
}

async function addSource(place: "api" | "database"): Promise<void> {
  (await import("./source-dialog.ts")).showSourceDialog({ kind: "add", place });
  await show({ kind: "sources" });
}

export const arenaCommands: readonly Command[] = [
  { id: "arena.board", title: "Leaderboard of the arena", category: "Arena", run: () => show({ kind: "board" }) },
  {
    id: "arena.validator",
    title: "The validator's queue and recent submissions",
    category: "Arena",
    run: () => show({ kind: "validator" }),
  },
  { id: "arena.sources", title: "Sources of the arena", category: "Arena", run: () => show({ kind: "sources" }) },
  { id: "arena.addApi", title: "Add an API to the arena", category: "Arena", run: () => addSource("api") },
  {
    id: "arena.addDatabase",
    title: "Add a validator's database to the arena",
    category: "Arena",
    run: () => addSource("database"),
  },
  {
    id: "arena.search",
    title: "Search the arena",
    category: "Arena",
    run: async () => {
      await show({ kind: "board" });
      (await import("./search-field.ts")).goToSearch();
    },
  },
  {
    id: "arena.find",
    title: "Go to a submission of the arena",
    category: "Arena",
    run: () =>
      showQuickInput({
        kind: "pick",
        label: "Go to a submission of the arena",
        placeholder: "Id, hotkey, state or words of its code",
        items: () => [],
        more: async (query, signal) => {
          const words = query.trim().slice(0, 200);
          const { results } = await client.arena.search({ query: words, limit: MAX_FOUND }, { signal });
          return results.map(({ submission: { source, submissionId, hotkey, status } }) => ({
            id: `${source} ${submissionId}`,
            title: submissionId,
            detail: `${source}, ${hotkey ?? ""}`,
            hint: status ?? "",
            run: () => show({ kind: "submission", reference: { source, submissionId } }),
          }));
        },
      }),
  },
  {
    id: "arena.refresh",
    title: "Look at the arena's sources now",
    category: "Arena",
    run: async () => {
      const sources = await client.arena.refresh({});
      const away = sources.filter(({ problem }) => problem !== null).map(({ name }) => name);
      notify({
        kind: away.length === 0 ? "info" : "warning",
        title: away.length === 0 ? "The sources were looked at" : `No answer from ${away.join(", ")}`,
        key: "arena-refresh",
      });
    },
  },
  {
    id: "arena.export",
    title: "Save the arena's submissions as CSV",
    category: "Arena",
    run: async () => {
      const sources = await client.arena.sources();
      if (sources.length === 0) notify({ kind: "info", title: "No source yet", key: "arena-export" });
      else
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
    },
  },
];
