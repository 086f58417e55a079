/** The places that a run can be sent to, as one list to choose from. Pure. */
import type { Outputs } from "../../../common/contract.ts";
import type { ContainerChoice } from "../../../common/runs.ts";
import type { Choice } from "./choice.ts";

export type Engines = Outputs["engines"]["list"];
export type Servers = Outputs["servers"]["list"];
export type PlaceGroup = { group: string; items: { value: string; label: string }[] };

/** Opens the list of evaluation servers instead of choosing anything. */
export const ADD_A_SERVER = "servers";

/** The value of the place chosen now, in `placeGroups`. */
export function placeValue({ backend, container, server }: Choice, engines: Engines | null): string {
  if (backend === "docker") {
    const engine = container?.engine ?? engines?.find(({ current }) => current)?.name;
    return `docker:${engine ?? ""}`;
  }
  return backend === "evalServer" ? `evalServer:${server ?? ""}` : backend;
}

/** Null: not known yet. What is chosen now is in it, also where it is gone meanwhile. */
export function placeGroups(choice: Choice, engines: Engines | null, servers: Servers | null): PlaceGroup[] {
  const here = { value: "local", label: "This machine" };
  const containers = engines?.map(({ name, problem }) => ({
    value: `docker:${name}`,
    label: `Engine: ${name}${problem === null ? "" : " (out of reach)"}`,
  })) ?? [{ value: "docker:", label: "Container" }];
  const boxes = servers?.map(({ name }) => ({ value: `evalServer:${name}`, label: `Server: ${name}` })) ?? [];
  const groups = [
    { group: "Here", items: [here] },
    { group: "Container engines", items: containers },
    { group: "Evaluation servers", items: [...boxes, { value: ADD_A_SERVER, label: "Add a server..." }] },
  ];
  const value = placeValue(choice, engines);
  if (groups.some(({ items }) => items.some((item) => item.value === value))) return groups;
  return [{ group: "Chosen", items: [{ value, label: goneText(choice, engines, servers) }] }, ...groups];
}

function goneText({ backend, container, server }: Choice, engines: Engines | null, servers: Servers | null): string {
  const gone = (known: boolean) => (known ? " (gone)" : "");
  if (backend === "docker") return `Engine: ${container?.engine ?? "?"}${gone(engines !== null)}`;
  if (backend !== "evalServer") return backend;
  return server === undefined ? "No server yet" : `Server: ${server}${gone(servers !== null)}`;
}

/** What choosing that value changes. What belongs to one engine (image, GPUs) is not taken to another. */
export function placeChange(value: string, { container }: Choice): Partial<Choice> {
  const [backend = "", name = ""] = split(value);
  if (backend === "docker") {
    const runProfile = container?.runProfile ?? "validator";
    if (name === "") return { backend, container: container ?? { runProfile } };
    return { backend, container: container?.engine === name ? container : { engine: name, runProfile } };
  }
  return backend === "evalServer" && name !== "" ? { backend, server: name } : { backend };
}

function split(value: string): [string, string] {
  const colon = value.indexOf(":");
  return colon === -1 ? [value, ""] : [value.slice(0, colon), value.slice(colon + 1)];
}

/** "0, 3" as numbers; an empty list where nothing is named, null where it is no list of different numbers. */
export function parseGpus(text: string): number[] | null {
  const words = text.split(/[\s,]+/).filter((word) => word !== "");
  const numbers = words.map(Number);
  const isList = words.every((word) => /^\d{1,2}$/.test(word)) && new Set(numbers).size === numbers.length;
  return isList && numbers.every((number) => number < 64) ? numbers : null;
}

export const IMAGE_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,254}$/;

/** The choice with that detail set, or unset where it is empty. */
export function withImage({ image: _image, ...rest }: ContainerChoice, image: string): ContainerChoice {
  return image === "" ? rest : { ...rest, image };
}

export function withGpus({ gpus: _gpus, ...rest }: ContainerChoice, gpus: number[]): ContainerChoice {
  return gpus.length === 0 ? rest : { ...rest, gpus };
}

export const RUN_PROFILES: Record<ContainerChoice["runProfile"], { title: string; meaning: string }> = {
  validator: {
    title: "Validator: isolated",
    meaning:
      "Read-only, without network or capabilities, with the profile's limits of memory: as the validator starts it.",
  },
  public: {
    title: "Public simulator",
    meaning:
      "As the validator's, but the machine's memory segments are shared, and memory may be locked: for your own files only.",
  },
};

const COMMAND = /: ((?:docker|sudo|crusader|ssh|ssh-add|systemctl|pip) \S.*)$/s;

/** A hint, and the command at its end where there is one to paste. */
export function remedyOf(hint: string): { words: string; command: string | null } {
  const found = COMMAND.exec(hint);
  if (found === null) return { words: hint, command: null };
  return { words: hint.slice(0, found.index + 1), command: found[1] ?? null };
}
