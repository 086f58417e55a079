export { dataFolder } from "./data-folder.ts";
