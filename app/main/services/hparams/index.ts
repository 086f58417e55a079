export { HparamsService } from "./hparams.ts";
export type { Profile, ProfileSummary } from "./hparams.ts";
