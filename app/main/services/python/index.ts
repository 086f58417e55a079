export {
  type PreparedPython,
  type PythonExtra,
  type PythonPhase,
  type PythonProgress,
  PythonService,
  type PythonServiceOptions,
} from "./python-service.ts";
