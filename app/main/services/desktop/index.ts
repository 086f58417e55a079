export { DesktopService, type SystemDialogs } from "./desktop-service.ts";
