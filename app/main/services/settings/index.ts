export { dataFolder } from "./data-folder.ts";
export { FileSecrets, type Secrets } from "./secrets.ts";
export { SettingsService } from "./settings-service.ts";
