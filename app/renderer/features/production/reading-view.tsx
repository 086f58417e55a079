/** What was found in the source, and what was not. */
import { formatInteger } from "../../../common/format.ts";
import type { Reading } from "../../../common/production.ts";
import { shownText } from "../../../common/shown-text.ts";
import { ErrorState, Loading } from "../../shell/ui/states.tsx";
import { VerdictMark } from "../../shell/ui/verdict-mark.tsx";
import classes from "./production.module.css";
import type { Loaded } from "./use-loaded.ts";

export function ReadingView({ reading: { value, error, again } }: { reading: Loaded<Reading> }) {
  return (
    <section className={classes.part} aria-label="What was found">
      <h2 className={classes.title}>What was found in it</h2>
      {error !== null && <ErrorState error={error} retry={again} />}
      {error === null && value === null && <Loading what="Reading the source" />}
      {value !== null && <Found reading={value} />}
    </section>
  );
}

function Found({ reading }: { reading: Reading }) {
  const { policy, thresholds, hparams, pins, scanners, unreadable, notFound } = reading;
  const found = [
    `${formatInteger(Object.keys(policy).length)} sets of the scan policy`,
    hparams === null ? "no hparams" : `hparams in ${hparams.file}`,
    `${formatInteger(thresholds.length)} limits in the code`,
    `${formatInteger(pins.length)} pinned versions`,
    scanners.length === 1 ? "1 scan function" : `${formatInteger(scanners.length)} scan functions`,
  ];
  return (
    <>
      <p>{found.join(", ")}.</p>
      <Missing title="could not be found" what={notFound} />
      <Missing title="could not be read" what={unreadable} />
      {pins.length > 0 && (
        <details>
          <summary>Pinned versions</summary>
          <ul className={classes.list}>
            {pins.map(({ name, version, file, line }) => (
              <li key={`${name} ${file}:${line}`}>
                {name} <b className="mono">{version}</b>{" "}
                <span className={classes.dim}>
                  {file}:{line}
                </span>
              </li>
            ))}
          </ul>
        </details>
      )}
    </>
  );
}

function Missing({ title, what }: { title: string; what: readonly string[] }) {
  if (what.length === 0) return null;
  return (
    <details>
      <summary>
        <VerdictMark
          mark="error"
          word={`${what.length === 1 ? "1 part" : `${what.length} parts`} ${title}; the rest is used`}
        />
      </summary>
      <ul className={classes.list}>
        {what.map((one) => (
          <li key={one}>{shownText(one)}</li>
        ))}
      </ul>
    </details>
  );
}
