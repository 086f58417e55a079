export { type Endpoint, findEndpoint, findEndpoints, type Surroundings } from "./endpoints.ts";
export { type ContainerState, type CreateOptions, Engine, type EngineFacts, type Removed } from "./engine.ts";
export { isUnreachable } from "./errors.ts";
