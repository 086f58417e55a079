export { lockFile, tryLockFile } from "./file-lock.ts";
