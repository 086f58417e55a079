export { ArenaReview, type ArenaReviewOptions } from "./arena-review.ts";
export {
  ArenaService,
  type ArenaServiceOptions,
  type BoardRules,
  type DiffedSide,
} from "./arena-service.ts";
export { submissionsAsCsv } from "./csv.ts";
export { databaseFile } from "./database-source.ts";
export { arenaPath, boardRulesOf, createArena } from "./rules.ts";
