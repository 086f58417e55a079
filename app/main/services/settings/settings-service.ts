/** What a person chose for the window, in `<data folder>/settings.json`. */
import { join } from "node:path";
import { CrusaderError } from "../../../common/errors.ts";
import type { Settings, SettingsChange, StoredSettings } from "../../../common/settings.ts";
import { SETTINGS_VERSION, settingsSchema } from "../../../common/settings.ts";
import { JsonFile } from "../storage/index.ts";
import { Revision } from "../streams/index.ts";

/** Layouts and panels' choices are the window's own; a runaway one must not fill the disk. */
const MAX_BYTES = 4 * 1024 * 1024;

export class SettingsService {
  readonly #file: JsonFile<Settings>;
  readonly #revision = new Revision();

  constructor({ dataFolder, now = Date.now }: { dataFolder: string; now?: () => number }) {
    this.#file = new JsonFile({
      path: join(dataFolder, "settings.json"),
      schema: settingsSchema,
      version: SETTINGS_VERSION,
      initial: () => settingsSchema.parse({}),
      now,
    });
  }

  /** The last file that could not be used since this object was made: where it lies now, and why. */
  get setAside(): StoredSettings["setAside"] {
    return this.#file.setAside;
  }

  /** Throws `data_folder`. */
  read(): StoredSettings {
    return { settings: this.#file.read(), setAside: this.#file.setAside };
  }

  /** Throws `disk_full`, `data_folder` or `too_large`; then nothing has changed. */
  change(change: SettingsChange): Settings {
    const present = Object.entries(change).filter(([, value]) => value !== undefined);
    const settings: Settings = { ...this.#file.read(), ...Object.fromEntries(present) };
    if (JSON.stringify(settings).length > MAX_BYTES) {
      throw new CrusaderError("too_large", "The settings would become larger than 4 MB.", "Delete layout presets.");
    }
    this.#file.write(settings);
    this.#revision.advance();
    return settings;
  }

  watch(signal: AbortSignal | undefined): AsyncGenerator<Settings> {
    return this.#revision.watch(() => this.#file.read(), signal);
  }
}
