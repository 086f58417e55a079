/** A train.py named on the command line. */
import { open } from "node:fs/promises";
import { CrusaderError } from "../../common/errors.ts";

/** More than the validator takes (500,000 bytes, spec/evaluation.md section 3), so that the scanner can say so. */
const READ_LIMIT_BYTES = 1_000_000;

const READ_PROBLEMS: Readonly<Record<string, string>> = {
  ENOENT: "it does not exist",
  EISDIR: "it is a folder",
  EACCES: "access is denied",
  ENOTDIR: "part of its path is no folder",
  ELOOP: "its links lead in a circle",
};

/** The first bytes of a file, enough for the scanner to judge it; an error to print where it cannot be read. */
export async function readSource(file: string): Promise<Uint8Array | CrusaderError> {
  try {
    const handle = await open(file);
    try {
      const buffer = new Uint8Array(READ_LIMIT_BYTES);
      let length = 0;
      while (length < buffer.length) {
        const { bytesRead } = await handle.read(buffer, length, buffer.length - length);
        if (bytesRead === 0) break;
        length += bytesRead;
      }
      return buffer.slice(0, length);
    } finally {
      await handle.close();
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "";
    const reason = READ_PROBLEMS[code] ?? code;
    return new CrusaderError("not_found", `${file === "" ? "A file without a name" : file} cannot be read: ${reason}.`);
  }
}
