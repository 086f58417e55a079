/** Text to take along: a command, as it is pasted into a terminal. */
import { ActionIcon } from "@mantine/core";
import { IconCheck, IconCopy } from "@tabler/icons-react";
import { useEffect, useState } from "react";
import { notifyError } from "../notifications.ts";
import classes from "./copy-text.module.css";

const TOLD_MS = 2000;

/** `what` names it for who cannot see it: "the command". */
export function CopyText({ text, what }: { text: string; what: string }) {
  const [copied, setCopied] = useState(0);
  useEffect(() => {
    if (copied === 0) return;
    const timer = setTimeout(() => setCopied(0), TOLD_MS);
    return () => clearTimeout(timer);
  }, [copied]);
  const word = copied > 0 ? `Copied ${what}` : `Copy ${what}`;
  return (
    <div className={classes.block}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is scrolled by keys too */}
      <pre tabIndex={0} className={classes.text}>
        {text}
      </pre>
      <ActionIcon
        aria-label={word}
        title={word}
        onClick={() => {
          navigator.clipboard
            .writeText(text)
            .then(() => setCopied(copied + 1))
            .catch((thrown: unknown) => notifyError(thrown, "It was not copied: select it instead."));
        }}
      >
        {copied > 0 ? <IconCheck size="0.875rem" aria-hidden /> : <IconCopy size="0.875rem" aria-hidden />}
      </ActionIcon>
      <output className="visually-hidden">{copied > 0 ? word : ""}</output>
    </div>
  );
}
