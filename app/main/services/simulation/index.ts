export { ActiveRuns } from "./active-runs.ts";
export type { Backend, EndedProcess, Ending, Evaluation, Listener, Needs, Order } from "./backend.ts";
export { EvalServerBackend } from "./backends/eval-server.ts";
export { LocalBackend, type LocalBackendOptions, removeAbandonedFolders } from "./backends/local.ts";
export {
  type Simulation,
  type SimulationEvent,
  type SimulationRequest,
  SimulationService,
  type SimulationServiceOptions,
} from "./simulation-service.ts";
