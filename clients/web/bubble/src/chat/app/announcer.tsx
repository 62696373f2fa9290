import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Clock } from "./announcementQueue.js";
import { AnnouncementQueue } from "./announcementQueue.js";

export type { AnnounceOptions } from "./announcementQueue.js";

const spoken = signal("");

const page: Clock = {
  setTimeout: (callback, ms) => window.setTimeout(callback, ms),
  clearTimeout: (id) => window.clearTimeout(id),
};

const queue = new AnnouncementQueue((text) => {
  spoken.value = text;
}, page);

/** Lets screen readers speak a text through the one live region of the page. */
export const announce = queue.announce.bind(queue);

/** The one live region of the page. It must be there, empty, before anything is spoken. */
export function Announcer() {
  useEffect(() => () => queue.clear(), []);
  return (
    <div class="visually-hidden" role="status" aria-live="polite" aria-atomic="true" id="announcer">
      {spoken.value}
    </div>
  );
}
