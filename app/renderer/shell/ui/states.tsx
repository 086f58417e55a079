/** How a panel looks while it has nothing to show: loading, empty, failed. */
import { Button, Loader } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import { type ReactNode, useEffect, useState } from "react";
import { shownLines, shownText } from "../../../common/shown-text.ts";
import { asCrusaderError } from "../../connection.ts";
import classes from "./states.module.css";

const LOADING_SHOWN_AFTER_MS = 300;

/** Shows that it works after 0.3 s, so that quick answers do not flicker. */
export function Loading({ what }: { what: string }) {
  const [shown, setShown] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setShown(true), LOADING_SHOWN_AFTER_MS);
    return () => clearTimeout(timer);
  }, []);
  return (
    <div className={classes.state} aria-busy="true">
      {shown && (
        <output className={classes.line}>
          <Loader size="xs" /> {what}
        </output>
      )}
    </div>
  );
}

/** Says what would be here and what to do to get it. */
export function EmptyState({ title, children, actions }: { title: string; children?: ReactNode; actions?: ReactNode }) {
  return (
    <div className={classes.state}>
      <h2 className={classes.title}>{title}</h2>
      {children !== undefined && <div className={classes.text}>{children}</div>}
      {actions !== undefined && <div className={classes.actions}>{actions}</div>}
    </div>
  );
}

export function ErrorState({ error, retry }: { error: unknown; retry?: (() => void) | undefined }) {
  const { message, hint, detail } = asCrusaderError(error);
  return (
    <div className={classes.state} role="alert">
      <h2 className={classes.title}>
        <IconAlertTriangle size="1rem" aria-hidden color="var(--fail)" /> {shownText(message)}
      </h2>
      {hint !== "" && <div className={classes.text}>{shownText(hint)}</div>}
      {detail !== "" && (
        <details className={classes.detail}>
          <summary>Details</summary>
          <pre>{shownLines(detail)}</pre>
        </details>
      )}
      {retry !== undefined && (
        <div className={classes.actions}>
          <Button onClick={retry}>Try again</Button>
        </div>
      )}
    </div>
  );
}
