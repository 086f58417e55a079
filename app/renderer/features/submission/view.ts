/** What the submit panel shows now, and what is filled in there. Kept for the session; names of keys for longer. */
import { useStore } from "zustand";
import { createStore } from "zustand/vanilla";
import type { Preflight, Submission, SubmissionRequest } from "../../../common/submission.ts";
import { layout } from "../../shell/layout.ts";
import { panelSetting, savePanelSetting } from "../../shell/settings.ts";
import { EMPTY_FORM, type Form, restoredForm, savedForm, withNetwork } from "./form.ts";

export type View =
  | { kind: "new" }
  /** What would be signed for a request, before anything is. */
  | { kind: "review"; request: SubmissionRequest; preflight: Preflight }
  | { kind: "list" }
  | { kind: "one"; id: string };

const SETTING = "submission";

const panel = createStore<{ view: View; form: Form | null }>(() => ({ view: { kind: "new" }, form: null }));

export function useView(): View {
  return useStore(panel, ({ view }) => view);
}

export function currentView(): View {
  return panel.getState().view;
}

/** Money and signatures have the whole width of the window; whatever else there is comes back after them. */
export function showView(view: View, { fullWidth = false }: { fullWidth?: boolean } = {}): void {
  panel.setState({ view });
  const { api } = layout.getState();
  const own = api?.getPanel("submission");
  if (api === null || own === undefined) return;
  if (fullWidth) api.maximizeGroup(own);
  else if (own.group.api.isMaximized()) api.exitMaximizedGroup();
}

const formOrSaved = ({ form }: { form: Form | null }) => form ?? restored();

let read: Form | null = null;
function restored(): Form {
  read ??= restoredForm(panelSetting(SETTING));
  return read;
}

/** Only below the part of the window that waits for the settings. */
export function useForm(): Form {
  return useStore(panel, formOrSaved);
}

export function changeForm(change: (form: Form) => Form): void {
  const before = formOrSaved(panel.getState());
  const form = change(before);
  panel.setState({ form });
  const [was, is] = [savedForm(before), savedForm(form)];
  if (JSON.stringify(was) !== JSON.stringify(is)) savePanelSetting(SETTING, is);
}

/** Begins another submission, which cites what was paid for one that came to nothing. */
export function citePayment({ network, profile, payment, steps }: Submission): void {
  const hotkey = steps.find(({ step }) => step === "commit")?.signer;
  changeForm((form) => {
    const there = withNetwork(form, network);
    return { ...there, profile, payment, hotkey: hotkey ?? there.hotkey };
  });
  showView({ kind: "new" });
}

/** After it was submitted: a further submission needs another URL, and has paid nothing. */
export function clearForm(): void {
  changeForm((form) => ({ ...form, url: EMPTY_FORM.url, payment: EMPTY_FORM.payment }));
}
