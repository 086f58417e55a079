import { useEffect, useState } from "react";

const EVERY_MS = 5000;

/** The time in milliseconds, anew every few seconds: ages need no more. */
export function useNow(): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), EVERY_MS);
    return () => clearInterval(timer);
  }, []);
  return now;
}
