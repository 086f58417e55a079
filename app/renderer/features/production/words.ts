/** Ages, values and lists as people read them. */
import type { RuleChange } from "../../../common/production.ts";
import { shownText } from "../../../common/shown-text.ts";

const UNITS = [
  ["year", 365 * 86_400],
  ["month", 30 * 86_400],
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
] as const;
const MAX_VALUE_LENGTH = 200;

/** "3 days ago (2026-04-05)"; `now` in milliseconds since 1970. */
export function ageInWords(iso: string, now = Date.now()): string {
  const seconds = Math.max(0, (now - Date.parse(iso)) / 1000);
  const date = iso.slice(0, 10);
  for (const [unit, length] of UNITS) {
    const count = Math.floor(seconds / length);
    if (count > 0) return `${count} ${unit}${count === 1 ? "" : "s"} ago (${date})`;
  }
  return `just now (${date})`;
}

/** A single value of a change. */
export function shownValue(value: RuleChange["before"]): string {
  if (value === null) return "none";
  const text = shownText(typeof value === "string" ? value : JSON.stringify(value));
  return text.length > MAX_VALUE_LENGTH ? `${text.slice(0, MAX_VALUE_LENGTH)} ...` : text;
}
