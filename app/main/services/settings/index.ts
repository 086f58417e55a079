export { dataFolder } from "./data-folder.ts";
export { SettingsService } from "./settings-service.ts";
