/** Where a run goes: this machine, a container engine, an evaluation server. */
import { Select } from "@mantine/core";
import { useEffect } from "react";
import { notifyError } from "../../shell/notifications.ts";
import { openFeature } from "../open-feature.ts";
import { loadServers, useServers } from "../servers/servers-store.ts";
import { choose, useChoice } from "./choice.ts";
import { startOnShortcut } from "./commands.ts";
import { loadEngines, useEngines } from "./engines.ts";
import { ADD_A_SERVER, placeChange, placeGroups, placeValue } from "./places.ts";

export function PlaceSelect({ label, ariaLabel, width }: { label?: string; ariaLabel?: string; width: string }) {
  const choice = useChoice();
  const engines = useEngines();
  const { servers } = useServers();
  useEffect(() => {
    loadServers().catch((thrown: unknown) => notifyError(thrown));
  }, []);
  return (
    <Select
      {...(label === undefined ? { "aria-label": ariaLabel ?? "" } : { label })}
      data={placeGroups(choice, engines, servers)}
      value={placeValue(choice, engines)}
      allowDeselect={false}
      onKeyDownCapture={startOnShortcut}
      onDropdownOpen={() => {
        // Each engine is asked, which may take a while: only when somebody looks.
        Promise.all([loadEngines(), loadServers()]).catch((thrown: unknown) => notifyError(thrown));
      }}
      onChange={(value) => {
        if (value === ADD_A_SERVER) openFeature("servers");
        else if (value !== null) choose(placeChange(value, choice));
      }}
      comboboxProps={{ width: "max-content", position: "bottom-start" }}
      w={width}
    />
  );
}
