/** Tells which files of the data folder were damaged, what is used instead, and where the old ones are. */
import type { SetAside } from "../../common/data-folder.ts";
import { client, followStream } from "../client.ts";
import { notify, notifyError } from "./notifications.ts";

const TITLES: Record<SetAside["what"], string> = {
  settings: "The settings could not be read; the defaults are used",
  history: "The history's index was damaged; it was rebuilt from the runs' folders",
  notes: "Tags, notes and the baseline could not be read; they begin empty",
  folders: "The list of opened folders could not be read; it begins empty",
  servers: "The list of evaluation servers could not be read; it begins empty",
  arena: "What was kept of the arena could not be read; its sources fill it again",
  reviews: "Notes and verdicts on others' submissions could not be read; they begin empty",
};

/** Returns the function that stops it. */
export function followSetAside(): () => void {
  const told = new Set<string>();
  return followStream((signal) => client.app.watchSetAside(undefined, { signal }), {
    onItem: (files) => {
      for (const { what, file, reason } of files) {
        if (told.has(file)) continue;
        told.add(file);
        notify({
          kind: "warning",
          title: TITLES[what],
          message: `The reason: ${reason}. The old file is kept as ${file}.`,
          timeoutMs: null,
        });
      }
    },
    onError: (error) => notifyError(error),
  });
}
