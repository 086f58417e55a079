/** What to attach to a bug report. Names, paths and tokens are taken out: it may be read by anyone. */
import { homedir, hostname, userInfo } from "node:os";
import type { ExportedFile } from "../../common/history.ts";
import type { Services } from "./services.ts";

const RECENT_RUNS = 20;

export async function diagnostics(services: Services, versions: Record<string, string>): Promise<ExportedFile> {
  const { settings, setAside } = services.settings.read();
  const { runs, total, unreadable } = services.store.list({ limit: RECENT_RUNS });
  const { layout: _layout, layoutPresets: _presets, panels: _panels, ...choices } = settings;
  const content = {
    createdAt: new Date().toISOString(),
    versions,
    machine: await services.machine.read(),
    settings: choices,
    settingsSetAside: setAside,
    tasks: services.tasks.list(),
    // Without names and messages of submissions: those are the user's own.
    runs: runs.map(({ id, state, createdAt, profile, backend, numRanks, failure, wallSeconds, bytes }) => ({
      id,
      state,
      createdAt,
      profile: profile.kind,
      backend,
      numRanks,
      failure: failure === null ? null : { kind: failure.kind, code: failure.code },
      wallSeconds,
      bytes,
    })),
    runsTotal: total,
    unreadableRuns: unreadable.length,
    errors: services.errors.entries,
  };
  const text = redacted(JSON.stringify(content, null, 2), {
    folders: [services.dataFolder, homedir()],
    user: userInfo().username,
    host: hostname(),
  });
  return { fileName: "crusader-diagnostics.json", mediaType: "application/json", text: `${text}\n` };
}

/** The text of a JSON document without those names. Longer folders first, as one lies in the other. */
export function redacted(text: string, names: { folders: readonly string[]; user: string; host: string }): string {
  const inJson = (name: string) => JSON.stringify(name).slice(1, -1);
  const replacements: [string, string][] = [
    ...names.folders
      .toSorted((a, b) => b.length - a.length)
      .map((folder, index): [string, string] => [inJson(folder), index === 0 ? "<data folder>" : "~"]),
    [inJson(names.host), "<host>"],
    [inJson(names.user), "<user>"],
  ];
  return (
    replacements
      .filter(([name]) => name.length > 1)
      .reduce((redactedSoFar, [name, mark]) => replaceWhole(redactedSoFar, name, mark), text)
      .replace(/\/\/[^\s"@/]+@/g, "//<credentials>@")
      // Of a node's address what follows the host may be its owner's key.
      .replace(/(wss?:\/\/[^\s"/?#\\]+)[/?#][^\s"\\]*/g, "$1/<path>")
  );
}

/** Not inside a longer word: a user named "root" must not change "rootless". */
function replaceWhole(text: string, name: string, mark: string): string {
  const literal = name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return text.replace(new RegExp(`(?<![\\w-])${literal}(?![\\w-])`, "g"), mark);
}
