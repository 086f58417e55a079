/** Choosing a folder: in a browser step by step (`picker-view.tsx`), on a desktop in the system's dialog. */
import { createStore } from "zustand/vanilla";
import { client, isDesktop } from "../../client.ts";
import { openPickedFolder } from "./folders.ts";

/** What a folder, or a file, is chosen for. */
export type PickPurpose = {
  title: string;
  /** Before the folder's name, on the button: "Open". */
  verb: string;
  /** Absent: a folder. */
  what?: "exportedRun" | "database";
  use: (pickedId: string) => Promise<void>;
};

const OPEN: PickPurpose = { title: "Open a folder", verb: "Open", use: openPickedFolder };

export const picker = createStore<{ open: boolean; purpose: PickPurpose }>(() => ({ open: false, purpose: OPEN }));

export async function pickFolder(purpose: PickPurpose = OPEN): Promise<void> {
  if (!isDesktop) {
    picker.setState({ open: true, purpose });
    return;
  }
  const { pickedId } = await client.picker.choose(purpose.what === undefined ? {} : { what: purpose.what });
  if (pickedId !== null) await purpose.use(pickedId);
}
