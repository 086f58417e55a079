export { refusedRange } from "./address-rules.ts";
export type { FetchOptions, Network } from "./fetch-code.ts";
export { checkHostedCode, type HostedCode } from "./hosted-code.ts";
export { type Code, HostingService, type HostingServiceOptions } from "./hosting-service.ts";
export { UrlWatch, type UrlWatchOptions } from "./url-watch.ts";
