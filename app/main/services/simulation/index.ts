export { ActiveRuns } from "./active-runs.ts";
export type { Backend, EndedProcess, Ending, Evaluation, Listener, Needs, Order } from "./backend.ts";
export { DockerBackend, type DockerBackendOptions, type EngineChoice } from "./backends/docker.ts";
export { EvalServerBackend } from "./backends/eval-server.ts";
export { LocalBackend, type LocalBackendOptions, removeAbandonedFolders } from "./backends/local.ts";
export {
  readSource,
  type Simulation,
  type SimulationEvent,
  type SimulationRequest,
  SimulationService,
  type SimulationServiceOptions,
} from "./simulation-service.ts";
