/** What a person chose for the window. Kept in `settings.json` of the data folder. */
import { z } from "zod";
import { containerChoiceSchema, evaluationSchema } from "./runs.ts";
import { serverNameSchema } from "./servers.ts";

/** Raised when a reader of the old version would misread the new one. */
export const SETTINGS_VERSION = 1;

/** A saved arrangement of panels, as the window's layout library writes it; opaque to everything else. */
export const layoutSchema = z.record(z.string(), z.unknown());

export const settingsSchema = z.object({
  theme: z.enum(["system", "light", "dark", "high-contrast"]).default("system"),
  zoomPercent: z.number().int().min(50).max(300).default(100),
  /** Null: the default arrangement. */
  layout: layoutSchema.nullable().default(null),
  /** Name to arrangement. */
  layoutPresets: z.record(z.string().min(1).max(80), layoutSchema).default({}),
  /** What the simulation panel starts with. Null: the profile's own number. */
  simulation: z
    .object({
      profile: z.string(),
      backend: z.string(),
      /** Kept while another backend is chosen. */
      container: containerChoiceSchema.optional(),
      server: serverNameSchema.optional(),
      evaluation: evaluationSchema.optional(),
      numRanks: z.number().int().min(1).max(64).nullable(),
      repeats: z.number().int().min(1).max(100).nullable(),
    })
    .default({ profile: "rehearsal", backend: "local", numRanks: null, repeats: null }),
  /** Format Python whenever a file is saved. */
  formatOnSave: z.boolean().default(false),
  /** Tell when a run longer than this ends; null: never. */
  notifyAfterSeconds: z.number().min(0).max(86_400).nullable().default(30),
  /** Small choices of single panels (columns, sort order, open tabs), by a name the panel picks. */
  panels: z.record(z.string().min(1).max(80), z.unknown()).default({}),
});
export type Settings = z.infer<typeof settingsSchema>;

/** What is to change; what is absent stays. Maps are replaced as a whole. */
export const settingsChangeSchema = z
  .object({
    theme: settingsSchema.shape.theme.removeDefault(),
    zoomPercent: settingsSchema.shape.zoomPercent.removeDefault(),
    layout: settingsSchema.shape.layout.removeDefault(),
    layoutPresets: settingsSchema.shape.layoutPresets.removeDefault(),
    simulation: settingsSchema.shape.simulation.removeDefault(),
    formatOnSave: settingsSchema.shape.formatOnSave.removeDefault(),
    notifyAfterSeconds: settingsSchema.shape.notifyAfterSeconds.removeDefault(),
    panels: settingsSchema.shape.panels.removeDefault(),
  })
  .partial();
export type SettingsChange = z.infer<typeof settingsChangeSchema>;

export const storedSettingsSchema = z.object({
  settings: settingsSchema,
  /** Why the file could not be used, and where it lies now; null when all was well since the start. */
  setAside: z.object({ file: z.string(), reason: z.string() }).nullable(),
});
export type StoredSettings = z.infer<typeof storedSettingsSchema>;
