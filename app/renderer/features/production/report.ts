/** A second opinion as a file: for the people who maintain either scanner. */
import type { ExportedFile } from "../../../common/history.ts";
import type { ProductionSource } from "../../../common/production.ts";
import type { Verdict } from "../../../common/scan.ts";
import type { Opinion, TheirVerdict } from "./answers.ts";
import { inWords, type OpinionBatch } from "./opinion-store.ts";

/** `versions` as `app.versions` tells them, `at` when it is written. */
export type ReportContext = { versions: Readonly<Record<string, string>>; at: Date };

/** The same content twice: to read, and for programs. */
export function reportFiles(
  batch: OpinionBatch,
  context: ReportContext,
): { markdown: ExportedFile; json: ExportedFile } {
  const fileName = `second-opinion-${batch.revision.label}`;
  return {
    markdown: { fileName: `${fileName}.md`, mediaType: "text/markdown", text: markdown(batch, context) },
    json: {
      fileName: `${fileName}.json`,
      mediaType: "application/json",
      text: `${JSON.stringify(asJson(batch, context), null, 2)}\n`,
    },
  };
}

function asJson({ revision, scanner, how, why, opinions }: OpinionBatch, { versions, at }: ReportContext) {
  const { entry, unresolved, notes } = scanner;
  return {
    version: 1,
    at: at.toISOString(),
    versions,
    revision: { id: revision.id, source: revision.source, committedAt: revision.committedAt },
    scanner: { function: entry.name, file: entry.file, line: entry.line, how, why, unresolved, notes },
    files: opinions.map(({ name, agreement, ours, theirs, text }) => ({ name, agreement, ours, theirs, source: text })),
  };
}

function markdown(batch: OpinionBatch, { versions, at }: ReportContext): string {
  const { revision, scanner, how, why, opinions } = batch;
  const { entry, unresolved, notes } = scanner;
  const lines = [
    "# Second opinion of the validator's scanner",
    "",
    `The validator's scanner at ${revision.label} ${inWords(batch)}.`,
    "",
    `- Source: ${code(shownSource(revision.source))}, revision ${code(revision.id)}`,
    `- Function: ${code(entry.name)} in ${code(`${entry.file}:${entry.line}`)}`,
    how === null ? `- Not asked: ${code(why)}` : `- Asked as: ${code(how)}`,
    ...(unresolved.length > 0 ? [`- Not found for it: ${unresolved.map(code).join(", ")}`] : []),
    ...notes.map((note) => `- Note: ${code(note)}`),
    `- Versions: ${Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(", ")}`,
    `- Written: ${at.toISOString()}`,
    "",
    "| File | | Ours | The validator's |",
    "| --- | --- | --- | --- |",
    ...opinions.map(({ name, agreement, ours, theirs }) => {
      const cells = [code(name), AGREEMENT[agreement], shownOurs(ours), code(shownTheirs(theirs))];
      return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
    }),
    ...opinions.filter(({ agreement }) => agreement !== "agree").flatMap(sourceLines),
  ];
  return `${lines.join("\n")}\n`;
}

export const AGREEMENT: Readonly<Record<Opinion["agreement"], string>> = {
  agree: "agrees",
  elsewhere: "agrees, names another line",
  disagree: "disagrees",
  unasked: "could not be asked",
};

export function shownOurs({ ok, kind, line, rule }: Verdict): string {
  if (ok) return "accepted";
  return `rejected (${[kind, rule, line === null ? null : `line ${line}`].filter((part) => part !== null).join(", ")})`;
}

export function shownTheirs({ outcome, message, line }: TheirVerdict): string {
  if (outcome === "unasked") return `could not be asked: ${message}`;
  const said = [message, line === null ? "" : `line ${line}`].filter((part) => part !== "").join(", ");
  return said === "" ? outcome : `${outcome}: ${said}`;
}

export function shownSource(source: ProductionSource): string {
  if (source.kind === "folder") return source.location;
  return source.reference === null ? source.url : `${source.url} (${source.reference})`;
}

/** Text of others, between backticks that it cannot close. */
function code(text: string): string {
  const line = text.replaceAll(/\s+/g, " ").trim();
  const fence = fenceFor(line, 1);
  return line === "" ? "" : `${fence} ${line} ${fence}`;
}

function fenceFor(text: string, least: number): string {
  const longest = Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  return "`".repeat(Math.max(least, longest + 1));
}

function sourceLines({ name, text }: Opinion): string[] {
  const fence = fenceFor(text, 3);
  return ["", `## ${code(name)}`, "", `${fence}python`, text.replace(/\n$/, ""), fence];
}
