/** A topology in words. Pure. */
import type { TopologyPlan } from "../../../common/topology.ts";

export function describe({ topology: { dp_size, tp_size }, groups }: TopologyPlan): string {
  if (dp_size * tp_size === 1) return "One rank holds the whole model and reads every batch.";
  if (tp_size === 1) return "Each rank reads batches of its own; all of them exchange gradients.";
  const split = `The ${tp_size} ranks of a group split every layer and read the same batches`;
  if (dp_size === 1) return `${split}.`;
  const [one, other] = groups.map(({ ranks }) => `r${ranks[0]}`);
  return `${split}; groups read different ones. Ranks with the same part (${one} and ${other}, for example) exchange gradients.`;
}
