export { type ChosenSource, ProductionService } from "./production-service.ts";
