/** What lies over the window when it is asked for. */
import { PickerView } from "./features/workspace/picker-view.tsx";
import { AboutView } from "./shell/about-view.tsx";
import { QuickInputView } from "./shell/quick-input-view.tsx";

export default function Overlays() {
  return (
    <>
      <QuickInputView />
      <PickerView />
      <AboutView />
    </>
  );
}
