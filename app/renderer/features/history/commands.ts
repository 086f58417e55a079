/** Bringing in what another Crusader recorded: a file that Export made, or a run's folder as it is. */
import { originText } from "../../../common/format.ts";
import { client } from "../../client.ts";
import type { Command } from "../../shell/commands.ts";
import { notify } from "../../shell/notifications.ts";
import { selection } from "../../shell/selection.ts";
import { openFeature } from "../open-feature.ts";
import { pickFolder } from "../workspace/picker.ts";

async function importRun(pickedId: string): Promise<void> {
  const { runId, origin } = await client.runs.import({ pickedId });
  selection.setState({ runId });
  openFeature("result");
  notify({ kind: "success", title: `Run ${runId} is there`, message: `It was ${originText(origin)}.` });
}

export const historyCommands: readonly Command[] = [
  {
    id: "history.importExported",
    title: "Import an exported run",
    category: "History",
    run: () => pickFolder({ title: "Import an exported run", verb: "Import", what: "exportedRun", use: importRun }),
  },
  {
    id: "history.importFolder",
    title: "Import a run's folder",
    category: "History",
    run: () => pickFolder({ title: "Import a run's folder", verb: "Import", use: importRun }),
  },
];
