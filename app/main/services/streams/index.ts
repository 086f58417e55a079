export { Revision } from "./revision.ts";
