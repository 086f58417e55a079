/** Times as this panel writes them, and the clock it goes by. */
import { useEffect, useState } from "react";

const moments = new Intl.DateTimeFormat("en-CA", { dateStyle: "short", timeStyle: "medium", hour12: false });

/** "2026-11-21, 10:38:21", where this machine is. */
export function shownTime(time: string): string {
  return moments.format(new Date(time));
}

/** The time in milliseconds, anew each second. */
export function useNow(): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
