import type { ReadonlySignal } from "@preact/signals";
import { signal } from "@preact/signals";
import type { FrameMessage, FrameReady, HostConnect, HostMessage } from "../../protocol.js";

/** The page that the chat is embedded in, as far as the chat knows it. On its own page there is none. */
export interface Host {
  /** Whether there is a page around this one that can be told things. */
  readonly embedded: boolean;
  /** Whether the chat can be seen: the panel is open and the tab is in front. */
  readonly shown: ReadonlySignal<boolean>;
  /** Tells the page around something. Kept until there is a connection. */
  tell(message: FrameMessage): void;
}

function isConnect(data: unknown): data is HostConnect {
  return typeof data === "object" && data !== null && (data as { type?: unknown }).type === "kupla:connect";
}

function isHostMessage(data: unknown): data is HostMessage {
  if (typeof data !== "object" || data === null) return false;
  const type = (data as { type?: unknown }).type;
  return type === "shown" || type === "hidden";
}

/** Says to the page around that the chat is there, and takes the port it hands over. */
export function connectHost(window: Window, embedded: boolean): Host {
  const panel = signal(true);
  const tab = signal(window.document.visibilityState !== "hidden");
  const shown = signal(tab.value);
  const update = () => {
    shown.value = panel.value && tab.value;
  };
  window.document.addEventListener("visibilitychange", () => {
    tab.value = window.document.visibilityState !== "hidden";
    update();
  });

  const inFrame = embedded && window.parent !== window;
  let port: MessagePort | undefined;
  // Only the newest of each kind: the page around shows what is, not what was.
  const waiting = new Map<string, FrameMessage>();
  if (inFrame) {
    window.addEventListener("message", (event) => {
      const handed = event.ports[0];
      // The first port counts. Any page may embed this one only where frame-ancestors lets it, and the port carries
      // nothing of the conversation.
      if (event.source !== window.parent || port !== undefined || !isConnect(event.data) || !handed) return;
      port = handed;
      port.onmessage = (message: MessageEvent<unknown>) => {
        if (!isHostMessage(message.data)) return;
        panel.value = message.data.type === "shown";
        update();
      };
      for (const message of waiting.values()) port.postMessage(message);
      waiting.clear();
    });
    const ready: FrameReady = { type: "kupla:ready" };
    window.parent.postMessage(ready, "*");
  }
  return {
    embedded: inFrame,
    shown,
    tell(message) {
      if (!inFrame) return;
      if (port !== undefined) port.postMessage(message);
      else waiting.set(message.type === "attention-end" ? "attention" : message.type, message);
    },
  };
}
