/** How the connection to a chain stands. */
import { useEffect, useState } from "react";
import type { Network } from "../../../common/chain.ts";
import { client, followStream } from "../../client.ts";
import { asCrusaderError } from "../../connection.ts";
import { type StatusWords, statusWords } from "./status-words.ts";

/** How the connection to it stands now, anew each second. */
export function useStatusWords(network: Network): StatusWords {
  const [told, setTold] = useState<{ words: (sinceMs: number) => StatusWords; atMs: number } | null>(null);
  const [nowMs, setNowMs] = useState(() => performance.now());
  useEffect(() => {
    setTold(null);
    const tell = (words: (sinceMs: number) => StatusWords) => {
      setTold({ words, atMs: performance.now() });
      setNowMs(performance.now());
    };
    const timer = setInterval(() => setNowMs(performance.now()), 1000);
    const stop = followStream((signal) => client.chain.watchStatus({ network }, { signal }), {
      onItem: (status) => tell((sinceMs) => statusWords(status, sinceMs)),
      onError: (error) =>
        tell(() => ({ tone: "trouble", text: "no connection", problem: asCrusaderError(error).message })),
    });
    return () => {
      clearInterval(timer);
      stop();
    };
  }, [network]);
  if (told === null) return { tone: "working", text: "connecting", problem: "" };
  return told.words(Math.max(0, nowMs - told.atMs));
}
