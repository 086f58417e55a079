export type { OwnFile } from "./consequences.ts";
export type { DatedPolicy } from "./dated-policies.ts";
export { productionCode } from "./evaluation-code.ts";
export { readFolder } from "./folder.ts";
export { APPLIED_PROFILE, ProductionService, type ProductionServiceOptions } from "./production-service.ts";
export { readSnapshot } from "./reader.ts";
export { SNAPSHOT_LIMITS } from "./snapshot.ts";
export type { ChosenSource } from "./store.ts";
