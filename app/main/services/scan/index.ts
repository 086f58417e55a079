export { ScanService, type ScanServiceOptions } from "./scan-service.ts";
