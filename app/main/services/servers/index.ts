export {
  type Answer,
  ask,
  checkHealth,
  MAX_ANSWER_BYTES,
  RequestProblem,
  statusProblem,
  unreachable,
  withoutToken,
  wordsOf,
} from "./server-client.ts";
export { type Access, ServerList } from "./server-list.ts";
