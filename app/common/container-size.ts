/** Sizes as the validator's profiles write them for Docker: "320g", "64g", "512m". */
import { CrusaderError } from "./errors.ts";

const SIZE = /^(\d+(?:\.\d+)?) ?(?:([kmgtp])(?:i?b)?|b)?$/i;
const UNITS = "kmgtp";

/**
 * Bytes of a size in Docker's notation: b, k, m, g (and t, p), powers of 1024, either case; a bare number is bytes.
 *
 * Throws `usage` for anything else.
 */
export function parseContainerSize(text: string): number {
  const match = SIZE.exec(text);
  if (match === null) {
    throw new CrusaderError(
      "usage",
      `"${text}" is no size.`,
      'Write a number and a unit: b, k, m or g, powers of 1024, for example "320g".',
    );
  }
  const power = match[2] === undefined ? 0 : UNITS.indexOf(match[2].toLowerCase()) + 1;
  return Math.floor(Number(match[1]) * 1024 ** power);
}
