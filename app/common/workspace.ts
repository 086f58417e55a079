/** Submissions as plain files in folders the user picked. Folders travel as opaque ids, files as names inside them. */
import { z } from "zod";

/** Random, made by the services; says nothing about where the folder lies. */
export const opaqueIdSchema = z.string().regex(/^[\w-]{16,64}$/, "Not an id of ours.");

/** Characters of one text that crosses a door; a train.py has thousands. */
export const MAX_TEXT_LENGTH = 8 * 1024 * 1024;
export const textSchema = z.string().max(MAX_TEXT_LENGTH, "The text is longer than 8,388,608 characters.");

const MAX_NAME_LENGTH = 255;
/** Deeper files are neither listed nor opened. */
export const MAX_DEPTH = 4;
/** Names that Windows gives to devices, whatever their ending. */
const DEVICES = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/i;

/** Null when it may be the name of one file or folder, else why not. Every system's rules apply on every system. */
export function nameProblem(name: string): string | null {
  if (name === "") return "A name is needed.";
  if (name.length > MAX_NAME_LENGTH) return `A name has at most ${MAX_NAME_LENGTH} characters.`;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (/[\u0000-\u001f\u007f<>:"/\\|?*]/.test(name))
    return 'A name holds none of < > : " / \\ | ? * and no control characters.';
  if (name.startsWith(".")) return "A name does not begin with a dot.";
  if (/[. ]$/.test(name)) return "A name does not end with a dot or a blank.";
  if (name.startsWith(" ")) return "A name does not begin with a blank.";
  if (DEVICES.test(name)) return `${name} names a device on Windows.`;
  return null;
}

/** Null when it may be the name of a file inside a folder, else why not. */
export function fileNameProblem(name: string): string | null {
  const parts = name.split("/");
  if (parts.length > MAX_DEPTH) return `At most ${MAX_DEPTH - 1} folders deep.`;
  const problem = parts.map(nameProblem).find((found) => found !== null);
  if (problem !== undefined && problem !== null) return problem;
  return name.endsWith(".py") ? null : "A submission's name ends in .py.";
}

/** A file inside a folder: `train.py`, or `attempts/train.py` with forward slashes on every system. */
export const fileNameSchema = z
  .string()
  .max(1024)
  .superRefine((name, context) => {
    const problem = fileNameProblem(name);
    if (problem !== null) context.addIssue({ code: "custom", message: problem });
  });

export const folderNameSchema = z.string().superRefine((name, context) => {
  const problem = nameProblem(name);
  if (problem !== null) context.addIssue({ code: "custom", message: problem });
});

export const fileReferenceSchema = z.object({ folderId: opaqueIdSchema, name: fileNameSchema });
export type FileReference = z.infer<typeof fileReferenceSchema>;

export const templateSchema = z.object({
  /** "single", "ddp", "fsdp", "tp", "mixed". */
  name: z.string(),
  /** The first line of its description. */
  title: z.string(),
});
export type Template = z.infer<typeof templateSchema>;
export const templateNameSchema = z.string().regex(/^[a-z][a-z0-9_-]{0,40}$/, "Not the name of a template.");

export const folderSchema = z.object({
  id: opaqueIdSchema,
  /** Last part of its path. */
  name: z.string(),
  /** For people to read; "~" for the home folder. Never an input. */
  location: z.string(),
  /** Crusader's own folder, which needs no picking. */
  isDefault: z.boolean(),
  /** False: it is gone, or may not be read; it stays in the list until it is closed. */
  available: z.boolean(),
});
export type Folder = z.infer<typeof folderSchema>;

export const workspaceFileSchema = z.object({
  name: z.string(),
  bytes: z.number().int(),
  /** Milliseconds since 1970. Changed: read it again and compare `version`. */
  modifiedMs: z.number(),
});
export type WorkspaceFile = z.infer<typeof workspaceFileSchema>;

export const listingSchema = z.object({
  files: z.array(workspaceFileSchema),
  /** True: there are more; only the first were listed. */
  truncated: z.boolean(),
});
export type Listing = z.infer<typeof listingSchema>;

/** SHA-256 of a file's bytes. */
export const fileVersionSchema = z.string().regex(/^[0-9a-f]{64}$/);

export const fileContentSchema = z.object({
  ...fileReferenceSchema.shape,
  name: z.string(),
  text: z.string(),
  version: fileVersionSchema,
  bytes: z.number().int(),
  modifiedMs: z.number(),
});
export type FileContent = z.infer<typeof fileContentSchema>;

/** What a write leaves behind: give `version` with the next one. */
export const fileStateSchema = fileContentSchema.omit({ text: true });
export type FileState = z.infer<typeof fileStateSchema>;

/** An unsaved buffer, kept so that a crash loses nothing. */
export const draftSchema = z.object({
  /** Picked by the window; one a tab. */
  id: z.string().regex(/^[\w-]{1,64}$/),
  /** Null: the buffer was never a file. */
  file: fileReferenceSchema.nullable(),
  /** What the tab shows. */
  title: z.string().max(MAX_NAME_LENGTH),
  text: textSchema,
  /** Version of the file the buffer began from; null for a new one. */
  baseVersion: fileVersionSchema.nullable(),
});
export type Draft = z.infer<typeof draftSchema>;
export const savedDraftSchema = draftSchema.extend({ savedAt: z.iso.datetime() });
export type SavedDraft = z.infer<typeof savedDraftSchema>;

/** A place in the picker's tree. */
export const pickedFolderSchema = z.object({ id: opaqueIdSchema, name: z.string() });
export const pickerViewSchema = z.object({
  id: opaqueIdSchema,
  name: z.string(),
  /** For people to read. Never an input. */
  location: z.string(),
  parentId: opaqueIdSchema.nullable(),
  folders: z.array(pickedFolderSchema),
  /** Python files in it, so that one recognises the folder. */
  pythonFiles: z.array(z.string()),
  /** Files that may be an exported run. */
  jsonFiles: z.array(pickedFolderSchema),
  /** Files that may be a validator's database. */
  databaseFiles: z.array(pickedFolderSchema),
  /** Home, the current folder, the root: to jump to. */
  places: z.array(pickedFolderSchema),
  truncated: z.boolean(),
});
export type PickerView = z.infer<typeof pickerViewSchema>;
