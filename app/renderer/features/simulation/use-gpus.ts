/** What the GPUs of a repeat do, followed while it goes on. */
import { useEffect, useState } from "react";
import type { CrusaderError } from "../../../common/errors.ts";
import type { GpuTelemetry } from "../../../common/telemetry.ts";
import { client, followStream } from "../../client.ts";

/** Of a chart as wide as a panel usually is: more would be drawn over each other. */
const COLUMNS = 200;

export type FollowedGpus = { telemetry: GpuTelemetry | null; error: CrusaderError | null };

/** `isRecorded` false: nothing is asked. */
export function useGpus(runId: string, repeat: number, isRecorded: boolean): FollowedGpus {
  const [followed, setFollowed] = useState<FollowedGpus>({ telemetry: null, error: null });
  useEffect(() => {
    setFollowed({ telemetry: null, error: null });
    if (!isRecorded) return;
    return followStream((signal) => client.runs.watchGpus({ runId, repeat, columns: COLUMNS }, { signal }), {
      onItem: (telemetry) => setFollowed({ telemetry, error: null }),
      onError: (error) => setFollowed((before) => ({ ...before, error })),
    });
  }, [runId, repeat, isRecorded]);
  return followed;
}
