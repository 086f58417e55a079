export { PickerService } from "./picker.ts";
export { Templates } from "./templates.ts";
export {
  type ResolvedFile,
  untitledPath,
  WorkspaceService,
  type WorkspaceServiceOptions,
} from "./workspace-service.ts";
