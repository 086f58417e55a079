/** A place to go to, in a line of words. */
import type { ReactNode } from "react";
import classes from "./submission-page.module.css";

export function LinkButton({ onClick, children }: { onClick: () => void; children: ReactNode }) {
  return (
    <button type="button" className={classes.link} onClick={onClick}>
      {children}
    </button>
  );
}
