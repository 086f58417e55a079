/** What stood out of the GPUs, beside the score they were measured for. */
import { IconAlertTriangle } from "@tabler/icons-react";
import { gpuNotes, type ObservedRepeat } from "../../../common/telemetry.ts";
import classes from "./gpus.module.css";

/** Nothing where nothing stood out. */
export function GpuNotes({ repeats }: { repeats: readonly ObservedRepeat[] }) {
  const notes = gpuNotes(repeats);
  if (notes.length === 0) return null;
  return (
    <ul className={classes.notes} aria-label="GPUs in the timed span">
      {notes.map((note) => (
        <li key={note}>
          <IconAlertTriangle size="1em" aria-hidden /> {note}.
        </li>
      ))}
    </ul>
  );
}
