/** What can be done about the arena from anywhere; the code for it is loaded when it is first used. */
import type { Command } from "../../shell/commands.ts";

const category = "Arena";
const load = () => import("./command-actions.ts");

export const arenaCommands: readonly Command[] = [
  {
    id: "arena.board",
    title: "Leaderboard of the arena",
    category,
    run: async () => (await load()).show({ kind: "board" }),
  },
  {
    id: "arena.validator",
    title: "The validator's queue and recent submissions",
    category,
    run: async () => (await load()).show({ kind: "validator" }),
  },
  {
    id: "arena.sources",
    title: "Sources of the arena",
    category,
    run: async () => (await load()).show({ kind: "sources" }),
  },
  { id: "arena.addApi", title: "Add an API to the arena", category, run: async () => (await load()).addSource("api") },
  {
    id: "arena.addDatabase",
    title: "Add a validator's database to the arena",
    category,
    run: async () => (await load()).addSource("database"),
  },
  { id: "arena.search", title: "Search the arena", category, run: async () => (await load()).search() },
  { id: "arena.find", title: "Go to a submission of the arena", category, run: async () => (await load()).find() },
  {
    id: "arena.refresh",
    title: "Look at the arena's sources now",
    category,
    run: async () => (await load()).refresh(),
  },
  {
    id: "arena.export",
    title: "Save the arena's submissions as CSV",
    category,
    run: async () => (await load()).exportSource(),
  },
];
