/**
 * Where the keyboard is. A panel that is asked for takes it: where it was in that panel last, or where the panel's work
 * begins. What vanishes, is hidden or disabled under the focus leaves it to what is around, never nowhere.
 */

const lastFocused = new Map<string, HTMLElement>();
/** Of the panels that were drawn: selects where the work of each begins. */
const firstFocusOf = new Map<string, string>();
let lastPanelId: string | null = null;
/** Asked for before it was drawn. */
let awaitedPanelId: string | null = null;

const panelElement = (id: string) => document.querySelector<HTMLElement>(`[data-panel="${id}"]`);
const isFocusable = (element: HTMLElement) =>
  element.isConnected && element.checkVisibility({ visibilityProperty: true }) && !element.matches(":disabled");
const isNowhere = () => document.activeElement === null || document.activeElement === document.body;

/** Where the panel's work begins; without such a place, or until it is there, the panel itself is focused. */
export function focusPanel(id: string): void {
  const firstFocus = firstFocusOf.get(id);
  const panel = panelElement(id);
  awaitedPanelId = panel === null ? id : null;
  if (panel === null || panel.contains(document.activeElement)) return;
  const last = lastFocused.get(id);
  if (last !== undefined && panel.contains(last) && isFocusable(last)) last.focus();
  else if (!focusFirst(panel, firstFocus)) {
    panel.focus({ preventScroll: true });
    if (firstFocus !== undefined) focusOnceThere(panel, firstFocus);
  }
}

/** For the panel, once it is drawn. */
export function onPanelDrawn(id: string, firstFocus?: string): void {
  if (firstFocus !== undefined) firstFocusOf.set(id, firstFocus);
  if (awaitedPanelId === id) focusPanel(id);
}

function focusFirst(panel: HTMLElement, firstFocus: string | undefined): boolean {
  const first = firstFocus === undefined ? null : panel.querySelector<HTMLElement>(firstFocus);
  first?.focus();
  return first !== null && document.activeElement === first;
}

/** Unless the person went on meanwhile. */
function focusOnceThere(panel: HTMLElement, firstFocus: string): void {
  const drawing = new MutationObserver(() => {
    if (document.activeElement !== panel || focusFirst(panel, firstFocus)) drawing.disconnect();
  });
  // What is there may be made reachable later: rows of a list that is measured first.
  drawing.observe(panel, { attributes: true, childList: true, subtree: true });
  panel.addEventListener("blur", () => drawing.disconnect(), { once: true });
}

const AROUND = "section[aria-label], section[aria-labelledby], form, [role=dialog]";

/** The named parts that hold it within its panel, or of its dialog, the innermost first. */
function partsAround(element: HTMLElement): HTMLElement[] {
  const parts: HTMLElement[] = [];
  if (element.closest("[data-panel], [role=dialog]") === null) return parts;
  let part = element.parentElement?.closest<HTMLElement>(AROUND);
  while (part && part.dataset.panel === undefined) {
    parts.push(part);
    part = part.parentElement?.closest<HTMLElement>(AROUND);
  }
  return parts;
}

/** Returns the function that ends it. */
export function keepFocus(): () => void {
  const onFocusIn = ({ target }: FocusEvent) => {
    if (!(target instanceof HTMLElement)) return;
    const id = target.closest<HTMLElement>("[data-panel]")?.dataset.panel;
    if (id === undefined) return;
    lastPanelId = id;
    // A part that was focused as a whole is no place of the person's.
    if (target.tabIndex >= 0 || target.closest("[role=tablist], [role=grid]") !== null) lastFocused.set(id, target);
  };
  const onFocusOut = ({ target, relatedTarget }: FocusEvent) => {
    if (!(target instanceof HTMLElement) || relatedTarget !== null) return;
    const parts = partsAround(target);
    // Whoever takes it away on purpose gives it to something in the same step.
    setTimeout(() => {
      // Where it could have stayed, the person clicked beside it.
      if (!isNowhere() || isFocusable(target)) return;
      // Before anybody was in a panel, nowhere is where it came from.
      if (lastPanelId === null) return;
      const part = parts.find(isFocusable);
      if (part !== undefined) {
        if (!part.hasAttribute("tabindex")) part.tabIndex = -1;
        part.focus({ preventScroll: true });
      } else focusPanel(lastPanelId);
      const [first] = panelsInSight();
      if (isNowhere() && first !== undefined) focusPanel(first);
    });
  };
  document.addEventListener("focusin", onFocusIn);
  document.addEventListener("focusout", onFocusOut);
  return () => {
    document.removeEventListener("focusin", onFocusIn);
    document.removeEventListener("focusout", onFocusOut);
  };
}

/** The panels in sight, as they are read: by column, from the top. */
export function panelsInSight(): string[] {
  return [...document.querySelectorAll<HTMLElement>("[data-panel]")]
    .filter(isFocusable)
    .map((element) => ({ id: element.dataset.panel ?? "", ...cornerOf(element) }))
    .toSorted((one, other) => one.left - other.left || one.top - other.top)
    .map(({ id }) => id);
}

const cornerOf = (element: HTMLElement) => {
  const { left, top } = element.getBoundingClientRect();
  return { left: Math.round(left), top: Math.round(top) };
};

/** The panel that has the focus. */
export function focusedPanelId(): string | null {
  return document.activeElement?.closest<HTMLElement>("[data-panel]")?.dataset.panel ?? null;
}
