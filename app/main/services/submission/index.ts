export type { JudgedRun, SubmissionNeeds, SubmissionOrder } from "./needs.ts";
export { judgedRuns } from "./proof.ts";
export { SubmissionService } from "./submission-service.ts";
