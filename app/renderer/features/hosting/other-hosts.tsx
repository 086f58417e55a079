/** How to put the file on a host that Crusader does not publish to. */
import { CopyText } from "../../shell/ui/copy-text.tsx";
import classes from "./hosting.module.css";
import { instructions } from "./instructions.ts";

export function OtherHosts({ fileName, sha256 }: { fileName: string; sha256: string | null }) {
  return (
    <details>
      <summary>Other hosts</summary>
      <div className={classes.part}>
        <p className={classes.dim}>
          The host hands out the very bytes, without signing in, over IPv4, within the time that the validator waits.
          They stay there, unchanged, until they were evaluated.
        </p>
        {instructions(fileName, sha256).map(({ title, text, commands }) => (
          <section key={title} className={classes.part}>
            <h4 className={classes.title}>{title}</h4>
            <p className={classes.dim}>{text}</p>
            <CopyText text={commands} what="the commands" />
          </section>
        ))}
      </div>
    </details>
  );
}
