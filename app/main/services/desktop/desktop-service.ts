/** Between the window and the desktop around it. The services stay where they are: a host says what the desktop did. */
import type { DesktopRequest } from "../../../common/desktop.ts";
import { CrusaderError } from "../../../common/errors.ts";
import { Revision } from "../streams/index.ts";

/** What only the desktop's own process can do. */
export type SystemDialogs = {
  /** The path of the folder a person picked; null when they picked none. */
  chooseFolder: () => Promise<string | null>;
  /** The path of the exported run that a person picked; null when they picked none. */
  chooseExportedRun: () => Promise<string | null>;
  /** The path of the validator's database that a person picked; null when they picked none. */
  chooseDatabase: () => Promise<string | null>;
};

/** A window that never comes must not fill the memory. */
const MAX_WAITING = 100;

export class DesktopService {
  readonly #dialogs: SystemDialogs | null;
  readonly #asked = new Revision();
  #waiting: DesktopRequest[] = [];

  /** Null: there is no desktop, only a browser. */
  constructor(dialogs: SystemDialogs | null) {
    this.#dialogs = dialogs;
  }

  /** Throws `unsupported` where there is no desktop. */
  async choose(what: "folder" | "exportedRun" | "database"): Promise<string | null> {
    if (this.#dialogs === null)
      throw new CrusaderError(
        "unsupported",
        "There is no dialog of the system here.",
        "Pick the folder in the window.",
      );
    const { chooseFolder, chooseExportedRun, chooseDatabase } = this.#dialogs;
    return { folder: chooseFolder, exportedRun: chooseExportedRun, database: chooseDatabase }[what]();
  }

  /** Waits until a window takes it. */
  ask(request: DesktopRequest): void {
    this.#waiting = [...this.#waiting, request].slice(-MAX_WAITING);
    this.#asked.advance();
  }

  /** What was asked and no window has taken yet, then what is asked. */
  watch(signal: AbortSignal | undefined): AsyncGenerator<DesktopRequest[]> {
    const take = () => {
      const taken = this.#waiting;
      this.#waiting = [];
      return taken;
    };
    return this.#asked.watch(take, signal);
  }
}
