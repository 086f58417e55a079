/**
 * The only way for foreign text (names, messages, output of a submission) to the terminal. Escape sequences could move
 * the cursor over a verdict, retitle the window or write to the clipboard, and direction marks reorder what is read.
 */
import { stripVTControlCharacters, styleText } from "node:util";
import type { OutputStream } from "./io.ts";

// Cc: C0, DEL, C1. Cf: direction marks, zero-width and tag characters. Zl, Zp: line breaks some terminals obey.
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** One line: line breaks and tabs become spaces, everything invisible goes. */
export function safeLine(text: string): string {
  return stripVTControlCharacters(text.toWellFormed())
    .replace(/[\r\n\t\u2028\u2029]+/g, " ")
    .replace(INVISIBLE, "");
}

/** Text that keeps its lines; tabs become two spaces. */
export function safeText(text: string): string {
  return stripVTControlCharacters(text.toWellFormed())
    .replace(/\r\n?|\u2028|\u2029/g, "\n")
    .split("\n")
    .map((line) => line.replaceAll("\t", "  ").replace(INVISIBLE, ""))
    .join("\n");
}

export type Tone = "good" | "caution" | "bad" | "faint" | "strong";

const STYLES = { good: "green", caution: "yellow", bad: "red", faint: "dim", strong: "bold" } as const;

export type Paint = (tone: Tone, text: string) => string;

/** JSON that is safe to print as it is: what JSON allows unescaped but a terminal may obey is escaped. */
export function safeJson(value: unknown): string {
  return JSON.stringify(value, null, 2).replace(/[^\n\P{C}]|[\u2028\u2029]/gu, (character) =>
    character
      .split("")
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
      .join(""),
  );
}

/**
 * Colours where the stream is a process's own and a terminal that wants them (NO_COLOR and FORCE_COLOR are obeyed), plain
 * text elsewhere.
 */
export function paintFor(stream: OutputStream): Paint {
  const own = [process.stdout, process.stderr].find((candidate) => candidate === stream);
  if (own === undefined) return plain;
  return (tone, text) => styleText(STYLES[tone], text, { stream: own, validateStream: true });
}

export const plain: Paint = (_tone, text) => text;
