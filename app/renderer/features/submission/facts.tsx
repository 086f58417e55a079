/** Names and values under each other; what is worth taking along has a copy button. */
import type { ReactNode } from "react";
import { CopyText } from "../../shell/ui/copy-text.tsx";
import classes from "./submission.module.css";

export function Facts({ children }: { children: ReactNode }) {
  return <dl className={classes.facts}>{children}</dl>;
}

export function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** In full, in a good monospace, and to copy: an address, a hash. */
export function CopiedFact({ name, value }: { name: string; value: string }) {
  return (
    <Fact name={name}>
      <CopyText text={value} what={name.charAt(0).toLowerCase() + name.slice(1)} />
    </Fact>
  );
}
