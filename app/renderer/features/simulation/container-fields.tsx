/** How a container is run: the flags, the GPUs, the image. */
import { Button, Select, TextInput } from "@mantine/core";
import { IconTerminal2 } from "@tabler/icons-react";
import { useEffect, useState } from "react";
import type { ContainerChoice } from "../../../common/runs.ts";
import type { Forecast } from "../../../common/simulation.ts";
import { type Choice, choose } from "./choice.ts";
import { byHand } from "./commands.ts";
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

export function ContainerFields({ choice, usesGpus, forecast, onUnfit }: ContainerFieldsProps) {
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
  const gpus = parseGpus(gpuText);
  const hasImage = imageText.trim() === "" || IMAGE_PATTERN.test(imageText.trim());
  const unfit = (usesGpus && gpus === null) || !hasImage;
  useEffect(() => onUnfit(unfit), [unfit, onUnfit]);
  useEffect(() => () => onUnfit(false), [onUnfit]);
  const ownProblem = forecast?.productionEvaluation.problem ?? null;
  const { meaning } = RUN_PROFILES[container.runProfile];
  return (
    <div className={classes.fields}>
      <Select
        label="Flags of the container"
        data={Object.entries(RUN_PROFILES).map(([value, { title }]) => ({ value, label: title }))}
        value={container.runProfile}
        allowDeselect={false}
        onChange={(value) =>
          value !== null && choose({ container: { ...container, runProfile: value as ContainerChoice["runProfile"] } })
        }
        w="11rem"
      />
      {usesGpus && (
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
        Commands
      </Button>
      <p className={classes.meaning}>{meaning}</p>
      {usesGpus && ownProblem !== null && (
        <p className={classes.meaning}>
          {ownProblem.message} {ownProblem.hint}
        </p>
      )}
    </div>
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
