/** The id of what is typed into. There is one on the page. */
export const composerId = "composer-text";

/** Moves the focus to what is typed into, with the caret at the end. */
export function focusComposer(): void {
  // The text that was put there is drawn first.
  requestAnimationFrame(() => {
    const element = document.getElementById(composerId);
    if (element instanceof HTMLTextAreaElement) {
      element.focus();
      element.setSelectionRange(element.value.length, element.value.length);
    }
  });
}
