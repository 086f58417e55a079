/** What the desktop window's preload and page agree on. Without any import, as the preload script is loaded first. */

/** The one name that the preload adds to the page: `window.crusader`. */
export const BRIDGE_NAME = "crusader";

export type DesktopBridge = {
  /** Asks for a connection to the services; its port comes as a message of this very window (`PORT_MESSAGE`). */
  connect: () => void;
};

/** Data of the window message that carries a port. Each replaces the one before. */
export const PORT_MESSAGE = "crusader:port";
/** From preload to Electron's main process: the one message there is in this direction. */
export const CONNECT_CHANNEL = "crusader:connect";
/** From Electron's main process to preload, with a port. */
export const PORT_CHANNEL = "crusader:port";

/** Where the page lies; nothing else is ever shown in the window. */
export const PAGE_SCHEME = "crusader";
export const PAGE_HOST = "app";
export const PAGE_ORIGIN = `${PAGE_SCHEME}://${PAGE_HOST}`;
