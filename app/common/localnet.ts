/** The public localnet container: a whole subtensor chain on this machine, which is the network "local". */
import { z } from "zod";

export const localnetStatusSchema = z.object({
  /** Of the container engine. */
  engine: z.string(),
  /** Where it is answered once the chain in it has started. */
  endpoint: z.string(),
  image: z.string(),
  hasImage: z.boolean(),
  state: z.enum(["none", "running", "ended"]),
});
export type LocalnetStatus = z.infer<typeof localnetStatusSchema>;

/** A Docker context, "default" or "podman"; without one, that of the docker command. */
export const localnetEngineSchema = z.object({ engine: z.string().min(1).max(200).optional() });
