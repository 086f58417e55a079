import { expect, test } from "vitest";
import { placeText } from "../../shell/places.ts";
import type { Choice } from "./choice.ts";
import {
  type Engines,
  parseGpus,
  placeChange,
  placeGroups,
  placeValue,
  remedyOf,
  type Servers,
  withGpus,
  withImage,
} from "./places.ts";
import { terminalCommand } from "./terminal-command.ts";

const CHOICE: Choice = { profile: "rehearsal", backend: "local", numRanks: null, repeats: null };
const ENGINES: Engines = [
  { name: "box", address: "ssh://me@box.example", current: true, problem: null },
  {
    name: "default",
    address: "unix:///var/run/docker.sock",
    current: false,
    problem: { code: "engine_unreachable", message: "", hint: "", detail: "" },
  },
];
const SERVERS: Servers = [{ name: "a100", address: "https://a100.example", isPlain: false, hasToken: true }];
const ADD_ONE = { value: "servers", label: "Add a server..." };

test("every place is in one list, with what is out of reach", () => {
  expect(placeGroups(CHOICE, ENGINES, SERVERS)).toEqual([
    { group: "Here", items: [{ value: "local", label: "This machine" }] },
    {
      group: "Container engines",
      items: [
        { value: "docker:box", label: "Engine: box" },
        { value: "docker:default", label: "Engine: default (out of reach)" },
      ],
    },
    { group: "Evaluation servers", items: [{ value: "evalServer:a100", label: "Server: a100" }, ADD_ONE] },
  ]);
});

test.each<[string, Partial<Choice>, Engines | null, Servers | null, string | null]>([
  ["before anybody looked", { backend: "docker" }, null, null, null],
  ["the docker command's own", { backend: "docker" }, ENGINES, SERVERS, null],
  [
    "an engine before anybody looked",
    { backend: "docker", container: { engine: "box", runProfile: "validator" } },
    null,
    null,
    "Engine: box",
  ],
  [
    "an engine that is gone",
    { backend: "docker", container: { engine: "old", runProfile: "validator" } },
    ENGINES,
    SERVERS,
    "Engine: old (gone)",
  ],
  ["no server yet", { backend: "evalServer" }, ENGINES, SERVERS, "No server yet"],
  ["a server that is gone", { backend: "evalServer", server: "old" }, ENGINES, SERVERS, "Server: old (gone)"],
  ["a backend of a test's", { backend: "scripted" }, ENGINES, SERVERS, "scripted"],
])("what is chosen is in the list: %s", (_what, change, engines, servers, added) => {
  const choice = { ...CHOICE, ...change };
  const groups = placeGroups(choice, engines, servers);
  const shown = groups.flatMap(({ items }) => items).find(({ value }) => value === placeValue(choice, engines));
  expect([shown !== undefined, groups[0]?.group === "Chosen" ? shown?.label : null]).toEqual([true, added]);
});

test("another engine gets none of the first one's GPUs and images; the flags stay", () => {
  const container = { engine: "box", runProfile: "public" as const, gpus: [0], image: "mine" };
  const choice = { ...CHOICE, container };
  expect(
    ["docker:box", "docker:other", "docker:", "evalServer:a100", "local"].map((to) => placeChange(to, choice)),
  ).toEqual([
    { backend: "docker", container },
    { backend: "docker", container: { engine: "other", runProfile: "public" } },
    { backend: "docker", container },
    { backend: "evalServer", server: "a100" },
    { backend: "local" },
  ]);
});

test.each([
  ["", []],
  [" 0, 3 ", [0, 3]],
  ["1 2", [1, 2]],
  ["1,1", null],
  ["64", null],
  ["GPU-1", null],
])("GPUs %j", (text, gpus) => {
  expect(parseGpus(text)).toEqual(gpus);
});

test("a detail that is emptied is left out", () => {
  const container = { runProfile: "validator" as const, gpus: [1], image: "mine" };
  expect([withGpus(container, []), withImage(container, ""), withImage(container, "other")]).toEqual([
    { runProfile: "validator", image: "mine" },
    { runProfile: "validator", gpus: [1] },
    { runProfile: "validator", gpus: [1], image: "other" },
  ]);
});

test.each([
  ["Build it: docker build --tag a b", "Build it:", "docker build --tag a b"],
  ["docker context create adds one.", "docker context create adds one.", null],
  ["Choose another profile.", "Choose another profile.", null],
  ["Is the engine of docker on?", "Is the engine of docker on?", null],
])("what of a hint is pasted: %s", (hint, words, command) => {
  expect(remedyOf(hint)).toEqual({ words, command });
});

test("where a run goes, in words", () => {
  const places = [
    { backend: "local" },
    { backend: "docker" },
    { backend: "docker", container: { engine: "box" } },
    { backend: "evalServer", server: "a100" },
    { backend: "evalServer" },
  ];
  expect(places.map(placeText)).toEqual([
    "this machine",
    "container",
    "container (box)",
    "server a100",
    "no server yet",
  ]);
});

test("the command line's words for a choice, each quoted for a shell", () => {
  const options = {
    profile: "rehearsal",
    backend: "docker",
    sandbox: "bubblewrap",
    evaluation: "production",
    ignoreCudaNeeds: true,
  } as const;
  const container = { engine: "my box", runProfile: "public" as const, gpus: [0, 3], image: "mine:1" };
  expect(terminalCommand({ ...options, container, numRanks: 2, seed: "it's" }, "train.py", "order.json")).toBe(
    "crusader simulate train.py --profile rehearsal --backend docker --engine 'my box' --run-profile public --gpus 0,3 " +
      "--image mine:1 --num-gpus 2 --seed 'it'\\''s' --evaluation production --ignore-cuda-needs --write-order order.json",
  );
});
