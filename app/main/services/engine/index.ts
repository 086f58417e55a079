export type { AskSsh, SshQuestion } from "./askpass.ts";
export { EngineDoctor, type RunMaker } from "./doctor.ts";
export type { ImageState } from "./doctor-findings.ts";
export { type Endpoint, findEndpoint, findEndpoints, type Surroundings } from "./endpoints.ts";
export {
  type ContainerState,
  type CreateOptions,
  Engine,
  type EngineFacts,
  type EngineImage,
  type Removed,
} from "./engine.ts";
export { isUnreachable } from "./errors.ts";
export { EnginePrompts } from "./prompts.ts";
export { SshConnections } from "./ssh.ts";
