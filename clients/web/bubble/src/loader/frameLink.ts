import type { FrameMessage, HostMessage } from "../protocol.js";
import { serviceOrigin } from "./serviceOrigin.js";

/** What a frame may say at most of messages and in a title: more is no chat of ours. */
const mostUnread = 999;
const longestTitle = 100;

/** What the loader does with what the frame says. */
export interface FrameHandlers {
  /** The chat is there. It may say so again, as when it was loaded anew. */
  ready(): void;
  message(message: FrameMessage): void;
}

/**
 * The line to the chat in a frame. It is opened for a window that says it is ready, and only when that is the frame's own
 * and of the service's origin; it is handed over to that origin only.
 */
export class FrameLink {
  private port: MessagePort | undefined;

  constructor(
    private readonly frame: HTMLIFrameElement,
    private readonly handlers: FrameHandlers,
  ) {
    addEventListener("message", this.hear);
  }

  send(message: HostMessage): void {
    this.port?.postMessage(message);
  }

  close(): void {
    removeEventListener("message", this.hear);
    this.port?.close();
  }

  private readonly hear = (event: MessageEvent): void => {
    const target = this.frame.contentWindow;
    if (!target || event.source !== target || event.origin !== serviceOrigin || typeOf(event.data) !== "kupla:ready") {
      return;
    }
    this.port?.close();
    const channel = new MessageChannel();
    this.port = channel.port1;
    this.port.onmessage = ({ data }) => {
      const message = read(data);
      if (message) {
        this.handlers.message(message);
      }
    };
    target.postMessage({ type: "kupla:connect" }, serviceOrigin, [channel.port2]);
    this.handlers.ready();
  };
}

function typeOf(data: unknown): unknown {
  return (data as { type?: unknown } | null | undefined)?.type;
}

/** Reads what the frame said. What is not of the protocol is nothing. */
function read(data: unknown): FrameMessage | undefined {
  const { count, title } = (data ?? {}) as { count?: unknown; title?: unknown };
  const type = typeOf(data);
  switch (type) {
    case "unread":
      return Number.isInteger(count) ? { type, count: Math.min(Math.max(count as number, 0), mostUnread) } : undefined;
    case "attention":
      return typeof title === "string" ? { type, title: title.slice(0, longestTitle) } : undefined;
    case "minimise":
    case "attention-end":
    case "close":
      return { type };
    default:
      return undefined;
  }
}
