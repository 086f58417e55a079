/** Where the file lies: the URL, what is wrong with it, what lies there, and publishing the file. */
import { Button, TextInput } from "@mantine/core";
import { IconAlertTriangle, IconCheck, IconCircleX } from "@tabler/icons-react";
import { useId, useRef, useState } from "react";
import type { Network } from "../../../common/chain.ts";
import type { CrusaderError } from "../../../common/errors.ts";
import { formatInteger } from "../../../common/format.ts";
import type { HostedCheck } from "../../../common/hosting.ts";
import { shownText } from "../../../common/shown-text.ts";
import type { Preflight } from "../../../common/submission.ts";
import { client } from "../../client.ts";
import { asCrusaderError } from "../../connection.ts";
import { freshTarget, type ShownTarget } from "../../shell/selection.ts";
import { LimitBar } from "../../shell/ui/limit-bar.tsx";
import { ErrorState } from "../../shell/ui/states.tsx";
import classes from "./hosting.module.css";
import { OtherHosts } from "./other-hosts.tsx";
import { PublishActions } from "./publish-actions.tsx";
import { hostedWords, readTypedUrl, tooLongWords } from "./url-words.ts";

export type UrlFieldProps = {
  /** The file that is to lie there; null while none is chosen. */
  target: ShownTarget | null;
  network: Network;
  profile: string | null;
  value: string;
  onChange: (url: string) => void;
  /** The newest one, for the room that the URL has; null before the first. */
  preflight: Preflight | null;
};

type Look =
  | { state: "looking"; url: string }
  | { state: "found"; url: string; check: HostedCheck }
  | { state: "failed"; url: string; error: CrusaderError };

export function UrlField({ target, network, profile, value, onChange, preflight }: UrlFieldProps) {
  const descriptionId = useId();
  const [look, setLook] = useState<Look | null>(null);
  const newestLook = useRef(0);
  const typed = readTypedUrl(value, preflight?.commitment?.maxUrlBytes ?? null);
  const tooLong = tooLongWords(typed);
  const isOfThisUrl = look?.url === value;

  const lookAt = async (url: string) => {
    if (target === null || profile === null) return;
    newestLook.current += 1;
    const mine = newestLook.current;
    const tell = (found: Look) => mine === newestLook.current && setLook(found);
    tell({ state: "looking", url });
    try {
      const asked = { target: await freshTarget(target), url: url.trim(), profile, network };
      tell({ state: "found", url, check: await client.hosting.check(asked) });
    } catch (thrown) {
      tell({ state: "failed", url, error: asCrusaderError(thrown) });
    }
  };

  return (
    <div className={classes.field}>
      <div className={classes.row}>
        <TextInput
          className={classes.url}
          label="URL"
          labelProps={{ className: "visually-hidden" }}
          description="Where the file lies, for everybody who has the address. Every submission needs a new one."
          value={value}
          onChange={({ currentTarget }) => onChange(currentTarget.value)}
          aria-describedby={descriptionId}
          aria-invalid={tooLong !== null || typed.findings.some(({ state }) => state === "block") || undefined}
          classNames={{ input: "mono" }}
          spellCheck={false}
          autoComplete="off"
        />
        <Button
          onClick={() => void lookAt(value)}
          loading={isOfThisUrl && look.state === "looking"}
          disabled={target === null || profile === null || typed.committed === null}
        >
          Look what lies there
        </Button>
      </div>
      <div id={descriptionId} className={classes.notes}>
        <div className={classes.size}>
          <span className={classes.number}>
            {formatInteger(typed.urlBytes)} of {formatInteger(typed.maxUrlBytes)} bytes
          </span>
          <LimitBar
            used={typed.urlBytes / Math.max(1, typed.maxUrlBytes)}
            state={tooLong === null ? "plain" : "failed"}
            label={`URL: ${typed.urlBytes} of ${typed.maxUrlBytes} bytes used`}
          />
        </div>
        {typed.committedNote !== "" && <span className={classes.dim}>{shownText(typed.committedNote)}</span>}
        <ul className={classes.findings}>
          {tooLong !== null && <Note tone="block">{tooLong}</Note>}
          {typed.findings.map(({ rule, state, message }) => (
            <Note key={rule} tone={state}>
              {shownText(message)}
            </Note>
          ))}
        </ul>
      </div>
      <div role="status" className={classes.notes}>
        {isOfThisUrl && look.state === "found" && isOfFile(look.check, preflight) && (
          <Found check={look.check} value={value} />
        )}
      </div>
      {isOfThisUrl && look.state === "failed" && <ErrorState error={look.error} />}
      <PublishActions
        network={network}
        target={target}
        gistId={typed.gistId}
        onPublished={(url) => {
          onChange(url);
          void lookAt(url);
        }}
      />
      {network !== "practice" && (
        <OtherHosts fileName={target?.title ?? "train.py"} sha256={preflight?.sha256 ?? null} />
      )}
    </div>
  );
}

/** The file may have been changed since it was looked at. */
function isOfFile({ judged }: HostedCheck, preflight: Preflight | null): boolean {
  return preflight === null || preflight.sha256 === "" || preflight.sha256 === judged.sha256;
}

function Found({ check, value }: { check: HostedCheck; value: string }) {
  const { isWell, lines } = hostedWords(check, readTypedUrl(value, null));
  const [from] = check.fetchedUrls.slice(-1);
  return (
    <ul className={classes.findings} aria-label="What lies there">
      {lines.map((line, index) => (
        <Note key={line} tone={index > 0 ? null : isWell ? "well" : "block"}>
          {shownText(line)}
        </Note>
      ))}
      {from !== undefined && from !== check.committedUrl && <Note tone={null}>Fetched from {shownText(from)}</Note>}
    </ul>
  );
}

const MARKS = {
  well: { Icon: IconCheck, word: "Same" },
  warn: { Icon: IconAlertTriangle, word: "Careful" },
  block: { Icon: IconCircleX, word: "Blocks" },
};

/** Tone null: goes on with the line above. */
function Note({ tone, children }: { tone: keyof typeof MARKS | null; children: React.ReactNode }) {
  const mark = tone === null ? null : MARKS[tone];
  return (
    <li>
      <span className={classes.mark} data-tone={tone}>
        {mark !== null && (
          <>
            <mark.Icon size="1em" aria-hidden /> {mark.word}
          </>
        )}
      </span>
      <span>{children}</span>
    </li>
  );
}
