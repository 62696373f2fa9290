import type { BrowserContext, Frame } from "@playwright/test";

declare global {
  interface Window {
    kuplaAnnouncements?: string[];
  }
}

/** Writes down, in every frame, each text that a live region came to hold: what a screen reader is given to say. */
export async function recordAnnouncements(context: BrowserContext): Promise<void> {
  await context.addInitScript(() => {
    const said: string[] = [];
    window.kuplaAnnouncements = said;
    const before = new Map<Element, string>();
    const look = () => {
      const live = document.querySelectorAll(
        '[aria-live="polite"], [aria-live="assertive"], [role="status"], [role="alert"]',
      );
      for (const region of live) {
        const text = (region.textContent ?? "").replace(/\s+/g, " ").trim();
        if (before.get(region) === text) continue;
        before.set(region, text);
        if (text !== "") said.push(text);
      }
    };
    new MutationObserver(look).observe(document, {
      subtree: true,
      childList: true,
      characterData: true,
      attributes: true,
    });
  });
}

/** What live regions of a frame have said so far, in order. */
export function announcements(frame: Frame): Promise<string[]> {
  return frame.evaluate(() => window.kuplaAnnouncements ?? []);
}
