/** The evaluation servers that were named. */
import { useStore } from "zustand";
import { createStore } from "zustand/vanilla";
import type { CrusaderError } from "../../../common/errors.ts";
import type { ServerCheck, ShownServer } from "../../../common/servers.ts";
import { client } from "../../client.ts";
import { asCrusaderError } from "../../connection.ts";

export type CheckState = { state: "asking" } | { state: "answered"; check: ServerCheck };

type Known = {
  /** Null until they were read. */
  servers: readonly ShownServer[] | null;
  /** Why they could not be read. */
  error: CrusaderError | null;
  /** By name: how the last check of each ended, since the window opened. */
  checks: Readonly<Record<string, CheckState>>;
};

const known = createStore<Known>(() => ({ servers: null, error: null, checks: {} }));

export function useServers(): Known & { servers: ShownServer[] | null } {
  const { servers, ...rest } = useStore(known);
  return { ...rest, servers: servers === null ? null : [...servers] };
}

export function namedServers(): readonly ShownServer[] {
  return known.getState().servers ?? [];
}

/** Throws nothing: what went wrong is told where the list would be. */
export async function loadServers(): Promise<void> {
  try {
    known.setState({ servers: await client.servers.list(), error: null });
  } catch (thrown) {
    const error = asCrusaderError(thrown);
    if (error.code !== "disconnected") known.setState({ error });
  }
}

export type ServerChange = {
  name: string;
  address: string;
  /** Null: none was typed. */
  token: string | null;
  /** Keep the token it has. */
  keepToken: boolean;
  /** In the place of the one of that name. */
  replace: boolean;
};

export async function saveServer(change: ServerChange): Promise<void> {
  known.setState({ servers: await client.servers.add(change), error: null });
  forgetCheck(change.name);
}

export async function removeServer(name: string): Promise<void> {
  known.setState({ servers: await client.servers.remove({ name }), error: null });
  forgetCheck(name);
}

function forgetCheck(name: string): void {
  known.setState(({ checks: { [name]: _gone, ...checks } }) => ({ checks }));
}

const setCheck = (name: string, state: CheckState) =>
  known.setState(({ checks }) => ({ checks: { ...checks, [name]: state } }));

/** Asks whether it answers. */
export async function checkServer(name: string): Promise<void> {
  setCheck(name, { state: "asking" });
  try {
    setCheck(name, { state: "answered", check: await client.servers.check({ name }) });
  } catch (thrown) {
    forgetCheck(name);
    throw thrown;
  }
}
