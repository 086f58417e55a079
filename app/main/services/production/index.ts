export type { OwnFile } from "./consequences.ts";
export { APPLIED_PROFILE, ProductionService, type ProductionServiceOptions } from "./production-service.ts";
export type { ChosenSource } from "./store.ts";
