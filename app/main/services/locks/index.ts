export { lockFile } from "./file-lock.ts";
