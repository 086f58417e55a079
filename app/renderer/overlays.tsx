/** What lies over the window when it is asked for. */
import { useLayoutEffect } from "react";
import { EnginePromptView } from "./features/engines/prompt-view.tsx";
import { PickerView } from "./features/workspace/picker-view.tsx";
import { AboutView } from "./shell/about-view.tsx";
import { QuickInputView } from "./shell/quick-input-view.tsx";

export default function Overlays({ areShown }: { areShown: boolean }) {
  useFocusReturn(areShown);
  return (
    <>
      <QuickInputView />
      <PickerView />
      <AboutView />
      <EnginePromptView />
    </>
  );
}

/**
 * Gives the focus back to whoever had it. The dialogs' own way knows nothing of before they were loaded, nor of one that
 * opens another.
 */
function useFocusReturn(areShown: boolean): void {
  useLayoutEffect(() => {
    if (!areShown) return;
    const before = document.activeElement;
    return () => {
      // What was chosen may have moved the focus on purpose.
      const { activeElement } = document;
      const isLost =
        activeElement === null || activeElement === document.body || activeElement.closest("[role=dialog]");
      if (isLost && before instanceof HTMLElement) before.focus();
    };
  }, [areShown]);
}
