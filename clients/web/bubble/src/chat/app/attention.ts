import { effect } from "@preact/signals";
import type { Host } from "./host.js";
import { titleCue } from "./title.js";

/** Asks the resident to look at the chat while it cannot be seen. */
export interface Attention {
  /** Shows a phrase in the title of the page, or of the page around, until the chat is seen. */
  call(phrase: string): void;
  /** There is nothing to look at any more. */
  end(): void;
  /** Ends it for good. */
  stop(): void;
}

/** Makes what asks for attention through the title. */
export function createAttention(host: Host): Attention {
  let calling = false;
  const end = () => {
    if (!calling) return;
    calling = false;
    titleCue.value = undefined;
    host.tell({ type: "attention-end" });
  };
  const unfollow = effect(() => {
    if (host.shown.value) end();
  });
  return {
    call(phrase) {
      if (host.shown.peek()) return;
      calling = true;
      titleCue.value = `● ${phrase}`;
      host.tell({ type: "attention", title: phrase });
    },
    end,
    stop() {
      end();
      unfollow();
    },
  };
}
