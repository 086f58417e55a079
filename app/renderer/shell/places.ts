/** Where runs go, in words. Pure. */
import type { Settings } from "../../common/settings.ts";

export type Place = Pick<Settings["simulation"], "backend" | "server"> & {
  container?: { engine?: string | undefined } | undefined;
};

/** Short, as a label's value. */
export function placeText({ backend, container, server }: Place): string {
  switch (backend) {
    case "local":
      return "this machine";
    case "docker":
      return container?.engine === undefined ? "container" : `container (${container.engine})`;
    case "evalServer":
      return server === undefined ? "no server yet" : `server ${server}`;
    default:
      return backend;
  }
}
