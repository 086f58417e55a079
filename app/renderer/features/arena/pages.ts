/** A long list of the services', of which only what is in sight is read. Knows nothing of React. */
import { createStore, type StoreApi } from "zustand/vanilla";
import type { CrusaderError } from "../../../common/errors.ts";
import { asCrusaderError } from "../../connection.ts";

export type Page<Row, Head> = { rows: readonly Row[]; total: number; head: Head };

export type PagedList<Row, Head> = {
  /** By their places in the whole list; those that were never in sight are not there. */
  rows: ReadonlyMap<number, Row>;
  total: number;
  /** What came with the newest answer beside its rows; null before the first. */
  head: Head | null;
  /** `loading` only before the first answer; later the old rows stay until new ones are there. */
  status: "loading" | "ready" | "failed";
  /** Why the last answer did not come. */
  error: CrusaderError | null;
};

export type Pages<Row, Head> = {
  store: StoreApi<PagedList<Row, Head>>;
  /** Another question: nothing of the old one is waited for, and its rows are gone with the first answer. */
  ask: (read: ReadPage<Row, Head>) => Promise<void>;
  /** Reads what is in sight again. */
  refresh: () => Promise<void>;
  /** These places are in sight. */
  want: (first: number, last: number) => Promise<void>;
};

export type ReadPage<Row, Head> = (
  page: { offset: number; limit: number },
  signal: AbortSignal,
) => Promise<Page<Row, Head>>;

export function createPages<Row, Head>(pageSize: number): Pages<Row, Head> {
  const store = createStore<PagedList<Row, Head>>(() => ({
    rows: new Map(),
    total: 0,
    head: null,
    status: "loading",
    error: null,
  }));
  let read: ReadPage<Row, Head> | null = null;
  let inSight: [number, number] = [0, 0];
  let asking = new AbortController();
  /** What was asked for, and what came, since everything was last read anew. */
  let asked = new Set<number>();
  let fresh = new Map<number, Row>();
  /** True once what is in sight has come anew: until then the old rows stay. */
  let isShown = false;
  let refreshing: Promise<void> | null = null;
  let again = false;

  const pagesInSight = () => {
    const [first, last] = inSight;
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  };
  const readPages = async (pages: readonly number[], isAnew: boolean) => {
    const { signal } = asking;
    const reading = read;
    if (reading === null || pages.length === 0) return;
    const asks = asked;
    for (const page of pages) asks.add(page);
    try {
      const answers = await Promise.all(
        pages.map((page) => reading({ offset: page * pageSize, limit: pageSize }, signal)),
      );
      const newest = answers.at(-1);
      // What belongs to an older reading says nothing about this one.
      if (signal.aborted || asks !== asked || newest === undefined) return;
      answers.forEach(({ rows }, index) => {
        const start = (pages[index] as number) * pageSize;
        rows.forEach((row, place) => {
          fresh.set(start + place, row);
        });
      });
      isShown ||= isAnew;
      if (!isShown) return;
      store.setState({ rows: new Map(fresh), total: newest.total, head: newest.head, status: "ready", error: null });
    } catch (thrown) {
      if (signal.aborted || asks !== asked) return;
      for (const page of pages) asks.delete(page);
      if (isAnew) {
        fresh = new Map([...store.getState().rows, ...fresh]);
        isShown = true;
      }
      const error = asCrusaderError(thrown);
      // A lost connection is told elsewhere, and everything is read again with the next one.
      if (error.code === "disconnected") return;
      store.setState(({ status }) => ({ status: status === "ready" ? status : "failed", error }));
    }
  };
  const readAnew = () => {
    asked = new Set();
    fresh = new Map();
    isShown = false;
    return readPages(pagesInSight(), true);
  };
  const refresh = () => {
    if (refreshing !== null) {
      again = true;
      return refreshing;
    }
    const reading = (async () => {
      const { signal } = asking;
      do {
        again = false;
        await readAnew();
      } while (again && !signal.aborted);
      if (!signal.aborted) refreshing = null;
    })();
    refreshing = reading;
    return reading;
  };
  return {
    store,
    ask: (wanted) => {
      read = wanted;
      inSight = [0, 0];
      asking.abort();
      asking = new AbortController();
      refreshing = null;
      return refresh();
    },
    refresh,
    want: (first, last) => {
      inSight = [Math.floor(first / pageSize), Math.floor(Math.max(first, last) / pageSize)];
      return readPages(
        pagesInSight().filter((page) => !asked.has(page)),
        false,
      );
    },
  };
}
