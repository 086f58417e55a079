/** The arena as the window knows it: sources, the board of the chosen one, what was found. Followed while the panel is there. */
import { useEffect, useState } from "react";
import { useStore } from "zustand";
import { createStore } from "zustand/vanilla";
import type { ArenaFound, Board, BoardEntry, ShownSource } from "../../../common/arena.ts";
import type { CrusaderError } from "../../../common/errors.ts";
import { client, followStream } from "../../client.ts";
import { asCrusaderError } from "../../connection.ts";
import { createPages, type PagedList } from "./pages.ts";
import { isSearch, type Search } from "./view.ts";

const PAGE_ROWS = 100;

type Arena = {
  /** Null until they were read. */
  sources: readonly ShownSource[] | null;
  /** Why they could not be read. */
  error: CrusaderError | null;
  /** Moves whenever something may read differently. */
  revision: number;
};

const known = createStore<Arena>(() => ({ sources: null, error: null, revision: 0 }));

/** The board without its entries. */
export type BoardHead = Omit<Board, "entries">;
export type FoundRow = ArenaFound["results"][number];

const board = createPages<BoardEntry, BoardHead>(PAGE_ROWS);
const found = createPages<FoundRow, null>(PAGE_ROWS);
export const wantBoard = board.want;
export const wantFound = found.want;

/** What board and list of results were asked for last. */
let askedBoard = "";
let askedSearch = "";

export function useArena(): Arena {
  return useStore(known);
}

/** Throws nothing: what went wrong is told where the list would be. */
export async function loadSources(): Promise<void> {
  try {
    known.setState({ sources: await client.arena.sources(), error: null });
  } catch (thrown) {
    const error = asCrusaderError(thrown);
    if (error.code !== "disconnected") known.setState({ error });
  }
}

/** After a change that answered with them. */
export function setSources(sources: readonly ShownSource[]): void {
  known.setState({ sources, error: null });
}

/** Follows the arena while the panel is there: meanwhile its sources are looked at. */
export function useFollowedArena(): void {
  useEffect(
    () =>
      followStream((signal) => client.arena.watch(undefined, { signal }), {
        onItem: () => {
          known.setState(({ revision }) => ({ revision: revision + 1 }));
          void loadSources();
          if (askedBoard !== "") void board.refresh();
          if (askedSearch !== "") void found.refresh();
        },
        onError: (error) => known.setState({ error: asCrusaderError(error) }),
      }),
    [],
  );
}

/** Nothing is asked while either is not known. What is shown may still be another source's: see `head`. */
export function useBoard(source: string | null, profile: string | null): PagedList<BoardEntry, BoardHead> {
  useEffect(() => {
    if (source === null || profile === null) return;
    const asked = JSON.stringify([source, profile]);
    if (asked === askedBoard) return;
    askedBoard = asked;
    void board.ask(async (page, signal) => {
      const { entries, ...head } = await client.arena.board({ source, profile, ...page }, { signal });
      return { rows: entries, total: head.total, head };
    });
  }, [source, profile]);
  return useStore(board.store);
}

/** Of everything that was ever seen; asked with each key. */
export function useFound(source: string | null, search: Search): PagedList<FoundRow, null> {
  const { query, state, own, everySource } = search;
  const asked = isSearch(search) ? JSON.stringify([query.trim(), state, own, everySource ? null : source]) : "";
  useEffect(() => {
    if (asked === askedSearch) return;
    askedSearch = asked;
    if (asked === "") return;
    const [words, wantedState, wantsOwn, wantedSource] = JSON.parse(asked);
    void found.ask(async (page, signal) => {
      const { results, total } = await client.arena.search(
        {
          query: words,
          own: wantsOwn,
          ...(wantedState === null ? {} : { state: wantedState }),
          ...(wantedSource === null ? {} : { source: wantedSource }),
          ...page,
        },
        { signal },
      );
      return { rows: results, total, head: null };
    });
  }, [asked]);
  return useStore(found.store);
}

export type Followed<Value> = { value: Value | null; error: CrusaderError | null };

/** What is read of a source, and again whenever something changed; the old stays until the new is there. */
export function useFollowed<Value>(
  source: string,
  read: (source: string, signal: AbortSignal) => Promise<Value>,
): Followed<Value> {
  const [state, setState] = useState<Followed<Value> & { source: string }>({ source, value: null, error: null });
  useEffect(() => {
    const controller = new AbortController();
    const { signal } = controller;
    let [isReading, again] = [false, false];
    const readIt = async () => {
      again = isReading;
      if (isReading) return;
      isReading = true;
      do {
        again = false;
        try {
          const value = await read(source, signal);
          if (!signal.aborted) setState({ source, value, error: null });
        } catch (thrown) {
          const error = asCrusaderError(thrown);
          if (signal.aborted || error.code === "disconnected") break;
          setState((before) => ({ source, value: before.source === source ? before.value : null, error }));
        }
      } while (again && !signal.aborted);
      isReading = false;
    };
    void readIt();
    const stop = known.subscribe(({ revision }, before) => {
      if (revision !== before.revision) void readIt();
    });
    return () => {
      stop();
      controller.abort();
    };
  }, [source, read]);
  return state.source === source ? state : { value: null, error: null };
}
