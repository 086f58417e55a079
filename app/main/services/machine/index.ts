export { MachineService, type MachineServiceOptions, PYTHON_NOT_PREPARED } from "./machine-service.ts";
