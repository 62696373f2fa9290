let first = true;

/**
 * Moves the focus to the heading of a screen that came in the place of another one. Not on the first screen, which
 * is read from its top anyway, not while something that is still there is being typed into, and not away from the
 * page around, where somebody may be busy.
 */
export function takeFocus(heading: HTMLElement): void {
  if (first) {
    first = false;
    return;
  }
  if (!document.hasFocus()) return;
  const active = document.activeElement;
  if (active instanceof HTMLTextAreaElement || active instanceof HTMLInputElement) return;
  heading.focus({ preventScroll: true });
  heading.closest(".screen")?.scrollTo(0, 0);
}
