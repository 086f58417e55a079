/**
 * The only way for foreign text (names, messages, output of a submission) to the terminal. Escape sequences could move
 * the cursor over a verdict, retitle the window or write to the clipboard, and direction marks reorder what is read.
 */
import { stripVTControlCharacters, styleText } from "node:util";

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

/** Colours where the stream is a terminal that wants them (NO_COLOR and FORCE_COLOR are obeyed), plain text elsewhere. */
export function paintFor(stream: NodeJS.WritableStream): Paint {
  return (tone, text) => styleText(STYLES[tone], text, { stream, validateStream: true });
}

export const plain: Paint = (_tone, text) => text;
