import { useEffect } from "react";
import { useStore } from "zustand";
import { createStore } from "zustand/vanilla";
import type { Outputs } from "../../../common/contract.ts";
import { client, useConnection } from "../../client.ts";
import { notifyError } from "../../shell/notifications.ts";

type Profiles = Outputs["hparams"]["list"];

const known = createStore<{ profiles: Profiles | null }>(() => ({ profiles: null }));

/** Null until they were read; read again with each new connection, as files come and go. */
export function useProfiles(): Profiles | null {
  const { status } = useConnection();
  useEffect(() => {
    if (status !== "connected") return;
    client.hparams
      .list()
      .then((profiles) => known.setState({ profiles }))
      .catch((thrown: unknown) => notifyError(thrown));
  }, [status]);
  return useStore(known, ({ profiles }) => profiles);
}
