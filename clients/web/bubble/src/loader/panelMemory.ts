/**
 * Whether the panel is open, hidden with the chat going on in it, or was never opened: remembered for the tab, so that
 * the chat follows a person from page to page.
 */
export type PanelState = "open" | "hidden" | "closed";

const key = "kupla-chat";

/** What was remembered on the page before. Storage that is switched off remembers nothing. */
export function recallPanel(): PanelState | undefined {
  try {
    const state = sessionStorage.getItem(key);
    return state === "open" || state === "hidden" || state === "closed" ? state : undefined;
  } catch {
    return undefined;
  }
}

/** Remembers for the next page. */
export function rememberPanel(state: PanelState): void {
  try {
    sessionStorage.setItem(key, state);
  } catch {
    // Without storage the next page begins with the chat closed. The conversation is kept by the chat itself.
  }
}
