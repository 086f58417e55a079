export type { PythonPhase, PythonProgress } from "./progress.ts";
export {
  type EnsureOptions,
  type PreparedPython,
  type PythonExtra,
  PythonService,
  type PythonServiceOptions,
} from "./python-service.ts";
