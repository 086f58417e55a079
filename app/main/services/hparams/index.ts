export type { Profile, ProfileSummary } from "./hparams.ts";
export { HparamsService } from "./hparams.ts";
