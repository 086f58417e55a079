/** The images that an engine has of ours: which fit, building one, what the builder said, and the token for what is gated. */
import { Button, Modal, Progress, TextInput } from "@mantine/core";
import { IconCopy, IconFolder, IconHammer } from "@tabler/icons-react";
import { useEffect, useRef, useState } from "react";
import { formatBytes, formatInteger } from "../../../common/format.ts";
import { type BuildView, hubTokenPattern, type ShownImage } from "../../../common/images.ts";
import { client } from "../../client.ts";
import { asCrusaderError } from "../../connection.ts";
import { notify, notifyError } from "../../shell/notifications.ts";
import { ErrorState, Loading } from "../../shell/ui/states.tsx";
import { TokenForm } from "../../shell/ui/token-form.tsx";
import { VerdictMark } from "../../shell/ui/verdict-mark.tsx";
import { useLoaded } from "../production/use-loaded.ts";
import classes from "./engines.module.css";
import { FindingMark } from "./finding-mark.tsx";
import own from "./images.module.css";
import {
  buildImage,
  checkImage,
  chooseForBuild,
  hasProblem,
  pickWheels,
  useFollowedBuild,
  useImages,
} from "./images-actions.ts";

type Place = { engine: string; profile: string };

/** Of the log, on the page; copied is all that is kept. */
const SHOWN_LOG_CHARACTERS = 60_000;

export function ImagesView({ engine, profile }: Place) {
  useFollowedBuild();
  const { build } = useImages(engine, profile);
  return (
    <>
      <h2 className={classes.title}>Images</h2>
      {/* Another one is there when a build has ended. */}
      <ImageList engine={engine} key={`${engine} ${build?.state} ${build?.taskId}`} />
      <BuildForm engine={engine} profile={profile} />
      {build !== null && <BuildState build={build} />}
      <HubToken />
    </>
  );
}

function ImageList({ engine }: { engine: string }) {
  const { value, error, again } = useLoaded(engine, (signal) => client.images.list({ engine }, { signal }));
  const [removing, setRemoving] = useState<ShownImage | null>(null);
  if (error !== null) return <ErrorState error={error} retry={again} />;
  if (value === null) return <Loading what="Asking the engine for its images" />;
  if (value.images.length === 0) {
    return <p className={classes.dim}>The engine has no image of Crusader's yet. Runs in containers need one.</p>;
  }
  const remove = async ({ id }: ShownImage) => {
    setRemoving(null);
    const { removed } = await client.images.remove({ engine, imageId: id });
    notify({ kind: "success", title: `Removed: ${removed.map(shortName).join(", ")}` });
    again();
  };
  return (
    <>
      <table className={classes.table} aria-label="Images of the engine">
        <thead>
          <tr>
            <th scope="col">Image</th>
            <th scope="col" className={classes.figure}>
              Size
            </th>
            <th scope="col">Built</th>
            <th scope="col">Fits</th>
            <th scope="col">
              <span className="visually-hidden">Remove</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {value.images.map((image) => (
            <tr key={image.id}>
              <th scope="row" className={`mono ${own.name}`} title={image.packages}>
                {nameOf(image)}
              </th>
              <td className={`${own.number} ${classes.figure}`}>{formatBytes(image.sizeBytes)}</td>
              <td className={own.number}>
                {new Date(image.createdAt).toLocaleString(undefined, { dateStyle: "short", timeStyle: "short" })}
              </td>
              <td>
                {image.mismatch === null ? (
                  <FindingMark state="ok" word={image.fits.join(", ")} />
                ) : (
                  <FindingMark state="warning" word={`No profile: ${image.mismatch}`} />
                )}
              </td>
              <td>
                <Button onClick={() => setRemoving(image)} aria-label={`Remove ${nameOf(image)}`}>
                  Remove
                </Button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <Modal opened={removing !== null} onClose={() => setRemoving(null)} title="Remove an image">
        {removing !== null && (
          <div className={own.dialog}>
            <p>
              <span className="mono">{nameOf(removing)}</span> ({formatBytes(removing.sizeBytes)}) is removed from the
              engine {engine}. Runs of its profile need it built again.
            </p>
            <div className={classes.line}>
              <Button
                variant="filled"
                onClick={() => {
                  remove(removing).catch((thrown: unknown) => notifyError(thrown));
                }}
              >
                Remove the image
              </Button>
              <Button onClick={() => setRemoving(null)}>Cancel</Button>
            </div>
          </div>
        )}
      </Modal>
    </>
  );
}

function BuildForm({ engine, profile }: Place) {
  const { looked, choice, build } = useImages(engine, profile);
  const isBuilding = build?.state === "running";
  const isLooking = looked?.isRunning === true;
  const check = looked?.check ?? null;
  const mayBase = check?.dockerfile !== "Dockerfile";
  const begin = (anyway: boolean) => {
    buildImage(engine, profile, { anyway }).catch((thrown: unknown) => notifyError(thrown));
  };
  return (
    <section className={classes.part} aria-label={`Image of ${profile}`}>
      <div className={classes.line}>
        <Button
          variant="filled"
          leftSection={<IconHammer size="1em" aria-hidden />}
          disabled={isBuilding || isLooking}
          onClick={() => begin(false)}
        >
          Build image
        </Button>
        <Button disabled={isLooking} onClick={() => void checkImage(engine, profile)}>
          Check what it takes
        </Button>
        {isLooking && <VerdictMark mark="running" word="Asking the engine, the docker command and the hub" />}
        <span className={classes.dim}>for {profile}</span>
      </div>
      <details>
        <summary>Another base image, packages from a folder</summary>
        <div className={classes.fields}>
          {mayBase && (
            <TextInput
              label="Base image"
              description="For rehearsals; with Python 3.11 or newer"
              placeholder="python:3.11-slim"
              value={choice.base}
              onChange={({ currentTarget }) =>
                chooseForBuild(engine, profile, { ...choice, base: currentTarget.value })
              }
              classNames={{ input: "mono" }}
              spellCheck={false}
              w="18rem"
            />
          )}
          <Button
            leftSection={<IconFolder size="1em" aria-hidden />}
            onClick={() => {
              pickWheels(engine, profile).catch((thrown: unknown) => notifyError(thrown));
            }}
          >
            Take packages from a folder of wheels
          </Button>
          {choice.wheelsPickedId !== null && (
            <>
              <span>A folder of wheels is chosen.</span>
              <Button onClick={() => chooseForBuild(engine, profile, { ...choice, wheelsPickedId: null })}>
                Without the folder
              </Button>
            </>
          )}
        </div>
      </details>
      {looked?.error != null && <ErrorState error={looked.error} retry={() => void checkImage(engine, profile)} />}
      {check !== null && (
        <>
          <ul className={classes.findings} aria-label="What a build takes">
            {check.findings.map(({ id, level, message, hint }) => (
              <li key={id} data-finding={id} data-state={level}>
                <FindingMark state={level} />
                <div className={classes.words}>
                  <span>{message}</span>
                  {hint !== "" && <span className={classes.dim}>{hint}</span>}
                </div>
              </li>
            ))}
          </ul>
          <p>
            <span className="mono">{check.reference}</span> takes {check.duration}.
          </p>
          {hasProblem(check) && !isBuilding && (
            <div className={classes.line}>
              <FindingMark state="problem" word="Not built: what is above stands in the way." />
              <Button onClick={() => begin(true)}>Build anyway</Button>
            </div>
          )}
        </>
      )}
    </section>
  );
}

const STATES = { running: "running", succeeded: "info", failed: "error", cancelled: "cancelled" } as const;
const STATE_WORDS = { running: "Building", succeeded: "Built", failed: "Not built", cancelled: "Cancelled" } as const;

function BuildState({ build }: { build: BuildView }) {
  const { taskId, state, reference, engine, progress, fraction, error } = build;
  const { step, doing, cachedSteps, bytes } = progress;
  const isRunning = state === "running";
  return (
    <section className={classes.part} aria-label="Build">
      <div className={classes.line}>
        <VerdictMark mark={STATES[state]} word={`${STATE_WORDS[state]}: ${reference} on ${engine}`} />
        {isRunning && (
          <Button
            onClick={() => {
              client.tasks.cancel({ taskId }).catch((thrown: unknown) => notifyError(thrown));
            }}
          >
            Cancel
          </Button>
        )}
        <BuildTime build={build} />
      </div>
      {isRunning && fraction !== null && (
        <Progress value={fraction * 100} size="sm" aria-label={`Build of ${reference}`} className={own.bar} />
      )}
      {isRunning && (
        <p>
          {step !== null && (
            <b>
              Step {step.number} of {step.total}
            </b>
          )}{" "}
          <span className="mono">{doing}</span>
          {bytes !== null && (
            <span className={own.number}>
              {" "}
              {formatBytes(bytes.done)}
              {bytes.total !== null && ` of ${formatBytes(bytes.total)}`}
            </span>
          )}
        </p>
      )}
      {cachedSteps > 0 && (
        <p className={classes.dim}>
          {cachedSteps === 1 ? "1 step was" : `${cachedSteps} steps were`} kept from an earlier build.
        </p>
      )}
      {state === "cancelled" && <p>What was built so far is kept; the next build goes on from there.</p>}
      {error !== null && <ErrorState error={error} />}
      <BuildLog build={build} />
    </section>
  );
}

/** Elapsed, and what is left where something tells. */
function BuildTime({ build: { state, startedAt, finishedAt, timeLeft } }: { build: BuildView }) {
  const [nowMs, setNow] = useState(Date.now);
  useEffect(() => {
    if (state !== "running") return;
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [state]);
  const endMs = finishedAt === null ? nowMs : Date.parse(finishedAt);
  const elapsed = inWords((endMs - Date.parse(startedAt)) / 1000);
  const left = state !== "running" || timeLeft === null ? null : inWords(timeLeft.seconds);
  return (
    <span className={own.number}>
      {elapsed}
      {left !== null && `, about ${left} left ${timeLeft?.of === "step" ? "in this step" : ""}`.trimEnd()}
    </span>
  );
}

function BuildLog({ build: { taskId, logCharacters, state } }: { build: BuildView }) {
  const [isOpen, setOpen] = useState(false);
  const [text, setText] = useState<string | null>(null);
  // Once a second while it grows, and once more at its end.
  const turn = useSlowly(`${logCharacters} ${state}`);
  // biome-ignore lint/correctness/useExhaustiveDependencies: whenever there is more
  useEffect(() => {
    if (!isOpen) return;
    const controller = new AbortController();
    client.images.buildLog({ taskId }, { signal: controller.signal }).then(
      (log) => setText(log.text),
      (thrown: unknown) => !controller.signal.aborted && setText(asCrusaderError(thrown).message),
    );
    return () => controller.abort();
  }, [isOpen, taskId, turn]);
  const shown = useRef<HTMLPreElement>(null);
  const isAtEnd = useRef(true);
  // biome-ignore lint/correctness/useExhaustiveDependencies: with each new text
  useEffect(() => {
    if (isAtEnd.current) shown.current?.scrollTo({ top: shown.current.scrollHeight });
  }, [text]);
  const copy = async () => {
    const log = await client.images.buildLog({ taskId });
    await navigator.clipboard.writeText(log.text);
    notify({ kind: "success", title: "The build's log is copied" });
  };
  const leftOut = Math.max(0, (text?.length ?? 0) - SHOWN_LOG_CHARACTERS);
  return (
    <details onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>What the builder says</summary>
      <div className={classes.part}>
        <div className={classes.line}>
          <Button
            leftSection={<IconCopy size="1em" aria-hidden />}
            onClick={() => {
              copy().catch((thrown: unknown) => notifyError(thrown, "The log was not copied."));
            }}
          >
            Copy the log
          </Button>
          {leftOut > 0 && (
            <span className={classes.dim}>Its first {formatInteger(leftOut)} characters are not shown.</span>
          )}
        </div>
        {text !== null && (
          <section aria-label="Log of the build">
            <pre
              ref={shown}
              className={own.log}
              // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is reached by keyboard
              tabIndex={0}
              onScroll={({ currentTarget: { scrollTop, clientHeight, scrollHeight } }) => {
                isAtEnd.current = scrollHeight - scrollTop - clientHeight < 20;
              }}
            >
              {text.slice(leftOut)}
            </pre>
          </section>
        )}
      </div>
    </details>
  );
}

/** The value, at most once a second. */
function useSlowly(value: string): string {
  const [shown, setShown] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setShown(value), 1000);
    return () => clearTimeout(timer);
  }, [value]);
  return shown;
}

function HubToken() {
  const { value, error, again } = useLoaded("token", (signal) => client.images.hasToken(undefined, { signal }));
  if (error !== null) return <ErrorState error={error} retry={again} />;
  return (
    <TokenForm
      service="Hugging Face"
      hasToken={value?.hasToken === true}
      pattern={hubTokenPattern}
      keep={(token) => client.images.setToken({ token })}
      forget={() => client.images.removeToken()}
      onChanged={again}
    >
      For gated models, tokenizers and data sets. It is kept on Crusader's machine for its owner only, goes to the hub
      and to builds as a secret, and is never shown again.
    </TokenForm>
  );
}

function nameOf({ tags, id }: ShownImage): string {
  return tags.length === 0 ? shortName(id) : tags.join(", ");
}

function shortName(name: string): string {
  return name.startsWith("sha256:") ? name.slice("sha256:".length, "sha256:".length + 12) : name;
}

/** "4 s", "1 min 20 s", "2 h 5 min". */
function inWords(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
