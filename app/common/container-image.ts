/** Images that evaluations run in: how they are named, what is baked into them, and whether one fits a profile. Pure. */

/** What an image says of itself (simulator-image/Dockerfile, Dockerfile.cpu). */
export const IMAGE_LABELS = {
  profile: "crusader.profile",
  packages: "crusader.packages",
  source: "crusader.source",
} as const;

type Profile = Readonly<Record<string, unknown>>;

/** What of a profile is baked in: the other values come with the order. */
const BAKED_IN = [
  "benchmark_model_name",
  "benchmark_tokenizer_name",
  "benchmark_dataset_name",
  "benchmark_dataset_split",
  "benchmark_data_samples",
] as const;

/** The image of a complete profile. One for all rehearsals, whose model and data are made when they run. */
export function imageName(profile: Profile): string {
  if (deviceOf(profile) === "cpu") return "crusader/rehearsal";
  const model = String(profile.benchmark_model_name ?? "model").toLowerCase();
  return `crusader/production:${model.replace(/[^a-z0-9_.-]+/g, "-").slice(0, 100)}`;
}

/** The value of the label `crusader.profile` for a complete profile. */
export function bakedIn(profile: Profile): string {
  if (deviceOf(profile) === "cpu") return "cpu";
  return BAKED_IN.map((key) => `${key.replace("benchmark_", "")}=${profile[key] ?? ""}`).join(" ");
}

/** Why an image with those labels is not the one that is needed; null where it is. `source`: as `crusader.source`. */
export function imageMismatch(
  labels: Readonly<Record<string, string>>,
  wanted: { profile: Profile; source: string },
): string | null {
  const profile = labels[IMAGE_LABELS.profile] ?? "";
  if (profile === "") return "it does not say what it was built for";
  if (profile !== bakedIn(wanted.profile)) {
    return `it was built for another profile (${profile}; needed: ${bakedIn(wanted.profile)})`;
  }
  if (labels[IMAGE_LABELS.source] !== wanted.source) return "it holds the judge of another version of Crusader";
  return null;
}

function deviceOf(profile: Profile): string {
  return (profile.crusader as { device?: string } | undefined)?.device ?? "cuda";
}
