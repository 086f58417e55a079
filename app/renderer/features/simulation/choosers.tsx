/** The title bar's short form of what the next run is judged by, and where. */
import { Select } from "@mantine/core";
import { choose, useChoice } from "./choice.ts";
import classes from "./choosers.module.css";
import { startOnShortcut } from "./commands.ts";
import { PlaceSelect } from "./place-select.tsx";
import { useProfiles } from "./use-profiles.ts";

const USUAL_RANKS = [1, 2, 4, 8];
const DEFAULT_RANKS = "default";
const ranksText = (count: number) => `${count} ${count === 1 ? "rank" : "ranks"}`;

export function Choosers() {
  const { profile, numRanks } = useChoice();
  const profiles = useProfiles();
  const counts = numRanks === null || USUAL_RANKS.includes(numRanks) ? USUAL_RANKS : [numRanks, ...USUAL_RANKS];
  return (
    <div className={classes.choosers}>
      <Select
        aria-label="Profile of the next run"
        data={profiles?.map(({ name, error }) => ({ value: name, label: name, disabled: error !== null })) ?? [profile]}
        value={profile}
        allowDeselect={false}
        onKeyDownCapture={startOnShortcut}
        onChange={(chosen) => chosen !== null && choose({ profile: chosen })}
        rightSectionWidth={24}
        w="10.5rem"
      />
      <PlaceSelect ariaLabel="Where the next run goes" width="11rem" />
      <Select
        aria-label="Ranks of the next run"
        data={[
          { value: DEFAULT_RANKS, label: "default ranks" },
          ...counts.map((count) => ({ value: String(count), label: ranksText(count) })),
        ]}
        value={numRanks === null ? DEFAULT_RANKS : String(numRanks)}
        allowDeselect={false}
        onKeyDownCapture={startOnShortcut}
        onChange={(chosen) => choose({ numRanks: chosen === null || chosen === DEFAULT_RANKS ? null : Number(chosen) })}
        w="7.5rem"
      />
    </div>
  );
}
