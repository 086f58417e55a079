/** How a container is run: flags, GPUs, image, whose code judges. One line that says what is chosen, until it is opened. */
import { Button, Checkbox, Select, TextInput } from "@mantine/core";
import { IconTerminal2 } from "@tabler/icons-react";
import { useEffect, useState } from "react";
import type { EngineGpu } from "../../../common/engines.ts";
import type { ContainerChoice } from "../../../common/runs.ts";
import type { Forecast } from "../../../common/simulation.ts";
import { useKnownGpus } from "../engines/checks.ts";
import { type Choice, choose } from "./choice.ts";
import { byHand } from "./commands.ts";
import { useEngines } from "./engines.ts";
import { IMAGE_PATTERN, parseGpus, RUN_PROFILES, withGpus, withImage } from "./places.ts";
import classes from "./simulation.module.css";

type ContainerFieldsProps = {
  choice: Choice;
  /** Where the profile's ranks are on GPUs. */
  usesGpus: boolean;
  /** Null while it is not known. */
  forecast: Forecast | null;
  /** Told when a field comes to hold what cannot be used, and when it no longer does. */
  onUnfit: (unfit: boolean) => void;
};

export default function ContainerFields({ choice, usesGpus, forecast, onUnfit }: ContainerFieldsProps) {
  const container: ContainerChoice = choice.container ?? { runProfile: "validator" };
  const [gpuText, setGpuText] = useState(container.gpus?.join(", ") ?? "");
  const [imageText, setImageText] = useState(container.image ?? "");
  // What belongs to another engine is gone with it.
  useEffect(
    () => setGpuText((text) => (sameGpus(text, container.gpus) ? text : (container.gpus?.join(", ") ?? ""))),
    [container.gpus],
  );
  useEffect(
    () => setImageText((text) => (sameImage(text, container.image) ? text : (container.image ?? ""))),
    [container.image],
  );
  const engines = useEngines();
  const known = useKnownGpus(container.engine ?? engines?.find(({ current }) => current)?.name);
  const gpus = known.length > 0 ? [] : parseGpus(gpuText);
  const hasImage = imageText.trim() === "" || IMAGE_PATTERN.test(imageText.trim());
  const unfit = (usesGpus && gpus === null) || !hasImage;
  useEffect(() => onUnfit(unfit), [unfit, onUnfit]);
  useEffect(() => () => onUnfit(false), [onUnfit]);
  const ownProblem = forecast?.productionEvaluation.problem ?? null;
  const { title, meaning } = RUN_PROFILES[container.runProfile];
  const [isOpened, setOpened] = useState(false);
  const parts = [
    title,
    container.image ?? forecast?.image ?? "the profile's image",
    ...(usesGpus ? [gpusText(container.gpus), JUDGES[choice.evaluation ?? "crusader"]] : []),
  ];
  return (
    // What cannot be used is not folded away.
    <details
      className={classes.container}
      open={isOpened || unfit}
      onToggle={({ currentTarget }) => setOpened(currentTarget.open)}
    >
      <summary>
        Container: <span className={classes.dim}>{parts.join(", ")}</span>
      </summary>
      <div className={classes.fields}>
        <Select
          label="Flags of the container"
          data={Object.entries(RUN_PROFILES).map(([value, { title }]) => ({ value, label: title }))}
          value={container.runProfile}
          allowDeselect={false}
          onChange={(value) =>
            value !== null &&
            choose({ container: { ...container, runProfile: value as ContainerChoice["runProfile"] } })
          }
          w="11rem"
        />
        {usesGpus && known.length > 0 && <GpuBoxes known={known} container={container} />}
        {usesGpus && known.length === 0 && (
          <TextInput
            label="GPUs"
            placeholder="any"
            title="The engine's numbers, with commas between them: 0, 1"
            value={gpuText}
            onChange={({ currentTarget }) => {
              setGpuText(currentTarget.value);
              const wanted = parseGpus(currentTarget.value);
              if (wanted !== null) choose({ container: withGpus(container, wanted) });
            }}
            error={gpus === null ? "Numbers with commas" : null}
            w="7rem"
          />
        )}
        <TextInput
          label="Image"
          placeholder={forecast?.image ?? "the profile's"}
          title="Another than the profile's makes the score incomparable"
          value={imageText}
          onChange={({ currentTarget }) => {
            const wanted = currentTarget.value.trim();
            setImageText(currentTarget.value);
            if (wanted === "" || IMAGE_PATTERN.test(wanted)) choose({ container: withImage(container, wanted) });
          }}
          error={hasImage ? null : "Not the name of an image"}
          classNames={{ input: "mono" }}
          spellCheck={false}
          w="15rem"
        />
        {usesGpus && forecast !== null && <JudgeSelect choice={choice} own={forecast.productionEvaluation} />}
        <Button leftSection={<IconTerminal2 size="1em" aria-hidden />} onClick={() => byHand.setState({ open: true })}>
          Docker commands
        </Button>
        <p className={classes.meaning}>{meaning}</p>
        {usesGpus && ownProblem !== null && (
          <p className={classes.meaning}>
            {ownProblem.message} {ownProblem.hint}
          </p>
        )}
      </div>
    </details>
  );
}

const JUDGES = { crusader: "Crusader's judge", production: "the validator's own code" };

function gpusText(gpus: readonly number[] | undefined): string {
  if (gpus === undefined) return "any GPUs";
  return `${gpus.length === 1 ? "GPU" : "GPUs"} ${gpus.join(", ")}`;
}

/** Of an engine that was checked; none chosen means any. What is chosen is there, also where the engine has none such. */
function GpuBoxes({ known, container }: { known: readonly EngineGpu[]; container: ContainerChoice }) {
  const chosen = container.gpus ?? [];
  const numbers = [...new Set([...known.map(({ index }) => index), ...chosen])].sort((a, b) => a - b);
  const change = (number: number, isChosen: boolean) => {
    const others = chosen.filter((one) => one !== number);
    choose({ container: withGpus(container, isChosen ? [...others, number].sort((a, b) => a - b) : others) });
  };
  return (
    <fieldset className={classes.gpus}>
      <legend>GPUs: {chosen.length === 0 ? "any" : chosen.join(", ")}</legend>
      {numbers.map((number) => {
        const gpu = known.find(({ index }) => index === number);
        const state = gpu === undefined ? " (not seen)" : gpu.busy ? " (in use)" : "";
        return (
          <Checkbox
            key={number}
            size="xs"
            label={`${number}${state}`}
            title={gpu?.name ?? "The last check of the engine saw no such GPU"}
            checked={chosen.includes(number)}
            onChange={({ currentTarget }) => change(number, currentTarget.checked)}
          />
        );
      })}
    </fieldset>
  );
}

/** Whose code judges. The validator's own is there once its source was fetched. */
function JudgeSelect({
  choice,
  own: { revision, problem },
}: {
  choice: Choice;
  own: Forecast["productionEvaluation"];
}) {
  const evaluation = choice.evaluation ?? "crusader";
  return (
    <Select
      label="Judge"
      data={[
        { value: "crusader", label: "Crusader's, apart from the file" },
        {
          value: "production",
          label: `The validator's own code${revision === null ? "" : ` (${revision})`}`,
          disabled: problem !== null && evaluation === "crusader",
        },
      ]}
      value={evaluation}
      allowDeselect={false}
      onChange={(value) => value !== null && choose({ evaluation: value as NonNullable<Choice["evaluation"]> })}
      w="15rem"
    />
  );
}

function sameGpus(text: string, gpus: readonly number[] | undefined): boolean {
  const typed = parseGpus(text);
  return typed === null || typed.join() === (gpus ?? []).join();
}

function sameImage(text: string, image: string | undefined): boolean {
  const typed = text.trim();
  return typed === (image ?? "") || !(typed === "" || IMAGE_PATTERN.test(typed));
}
