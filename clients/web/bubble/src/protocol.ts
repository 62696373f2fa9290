/**
 * What the loader on the host page and the chat in the frame say to each other.
 *
 * The frame says FrameReady to its parent; the loader answers with HostConnect and one end of a MessageChannel, and
 * everything else goes over that. Nothing of the conversation, no token and no name is ever in a message to the host:
 * the host page is not ours.
 */

/** The frame's first word to its parent, sent to any origin, for it says nothing: "hand me a port". */
export interface FrameReady {
  type: "kupla:ready";
}

/** The loader's answer to FrameReady, with one port of a MessageChannel as its only transferred object. */
export interface HostConnect {
  type: "kupla:connect";
}

/** What the frame tells the host, over the port. */
export type FrameMessage =
  /** So many messages have not been read. */
  | { type: "unread"; count: number }
  /** The resident wants the page back; the conversation goes on. */
  | { type: "minimise" }
  /** The resident should look: the host's title alternates with this text, which is one of the chat's own phrases. */
  | { type: "attention"; title: string }
  /** They have looked. */
  | { type: "attention-end" }
  /** The resident is done: the panel closes and the frame goes. */
  | { type: "close" };

/** What the host tells the frame, over the port. */
export type HostMessage =
  /** The panel is seen from now on. */
  | { type: "shown" }
  /** The panel is not seen from now on; the frame stays and goes on. */
  | { type: "hidden" };
