/** What a probe container prints (simulator-image/crusades_eval/machine_report.py): data, whatever image it comes from. */
import { z } from "zod";

const countSchema = z.number().int().nonnegative();
/** As much as our own probe passes on; a table of links grows with the square of what names its columns. */
const MAX_ANSWER_CHARACTERS = 64 * 1024;
const answerSchema = z.object({
  exitStatus: z.number().int().nullable(),
  output: z.string().max(MAX_ANSWER_CHARACTERS),
});
export type Answer = z.infer<typeof answerSchema>;

export const machineReportSchema = z.object({
  version: z.literal(1),
  kernel: z.string().max(200),
  secondsSince1970: z.number(),
  user: z.number().int(),
  /** As the kernel counts: 0 off, 1 strict, 2 a filter. */
  seccomp: z.number().int().nullable(),
  noNewPrivileges: z.number().int().nullable(),
  /** Hexadecimal. */
  effectiveCapabilities: z.string().nullable(),
  rootIsReadOnly: z.boolean().nullable(),
  /** Null: unlimited. */
  memlockBytes: countSchema.nullable(),
  cgroup: z.object({ memoryBytes: countSchema.nullable(), processes: countSchema.nullable() }),
  cores: countSchema,
  memoryBytes: countSchema.nullable(),
  folders: z.record(z.string(), z.object({ totalBytes: countSchema, freeBytes: countSchema }).nullable()),
  /** Its device files: "nvidia0". */
  gpuDevices: z.array(z.string()).max(1024),
  /** Null: there is no such program. A query that was not asked is absent. */
  nvidiaSmi: z
    .object({
      gpus: answerSchema,
      computeCapabilities: answerSchema.optional(),
      processes: answerSchema.optional(),
      topology: answerSchema.optional(),
      peers: answerSchema.optional(),
    })
    .nullable(),
});
export type MachineReport = z.infer<typeof machineReportSchema>;

/** The report in what a container wrote; null where there is none: the last line counts, and its image may say more. */
export function readMachineReport(output: string): MachineReport | null {
  const line = output.trimEnd().split("\n").at(-1) ?? "";
  try {
    return machineReportSchema.parse(JSON.parse(line));
  } catch {
    return null;
  }
}
