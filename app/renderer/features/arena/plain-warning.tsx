import { IconAlertTriangle } from "@tabler/icons-react";
import classes from "./arena.module.css";

export function PlainWarning() {
  return (
    <div className={classes.caution}>
      <IconAlertTriangle size="1em" aria-hidden /> Plain http to another machine: scores, code and key can be read and
      changed on the way. Use https, or a tunnel.
    </div>
  );
}
