/** What a page of this panel is about. The keyboard goes on from here, as where it was is gone with the page before. */
import { type ReactNode, useEffect, useRef } from "react";
import classes from "./submission.module.css";

export function PageHeading({ children }: { children: ReactNode }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    const { activeElement, body } = document;
    const panel = heading.current?.closest("[data-panel]");
    if (activeElement === body || panel?.contains(activeElement) === true)
      heading.current?.focus({ preventScroll: true });
  }, []);
  return (
    <h2 ref={heading} className={classes.heading} tabIndex={-1}>
      {children}
    </h2>
  );
}
