export { TaskService, type TaskUpdate } from "./task-service.ts";
