/** Whether the folder picker is open. */
import { createStore } from "zustand/vanilla";

export const picker = createStore<{ open: boolean }>(() => ({ open: false }));
export function pickFolder(): void {
  picker.setState({ open: true });
}
