/** What is loaded when a network is first connected to: WebSockets, curves, and with the first runtime the chain's library. */
export { NodeChain } from "./node-chain.ts";
export { chainError } from "./node-connection.ts";
export { CLOSED, DEFAULT_LIMITS, NodeLink } from "./node-link.ts";
