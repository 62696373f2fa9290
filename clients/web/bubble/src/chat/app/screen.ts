import type { ChatState, ConnectionState, Ended, QueuesState } from "@kupla/sdk";
import { ConversationState } from "@kupla/contract/kupla/v1/conversation_pb";
import { GoAwayReason } from "@kupla/contract/kupla/v1/stream_pb";

/** Which screen is shown. */
export type Screen =
  /** Nothing is known yet. */
  | { readonly name: "loading" }
  /** The service cannot be reached, and nothing is known to show meanwhile. */
  | { readonly name: "unreachable" }
  /** The browser keeps nothing in frames: the chat must be a page of its own. */
  | { readonly name: "storageBlocked" }
  /** The queues to choose from. missing: one was asked for that there is not. */
  | { readonly name: "queues"; readonly missing: boolean }
  /** One queue, before the start. */
  | { readonly name: "queue"; readonly queueId: string }
  /** Waiting and talking: one screen, for what is being typed goes on when the turn comes. */
  | { readonly name: "conversation"; readonly part: "waiting" | "talk" }
  /** The conversation has ended. */
  | { readonly name: "ended" }
  /** The conversation cannot be shown any more: its token has expired, or it is gone. */
  | { readonly name: "gone" }
  /** The conversation is open in too many other windows, and this one was closed. */
  | { readonly name: "elsewhere" }
  /** The conversation goes on, but following it was refused; one can try again. */
  | { readonly name: "failed" };

/** What the screen is decided from. */
export interface ScreenInput {
  readonly storageBlocked: boolean;
  readonly queues: Pick<QueuesState, "connection" | "ended" | "queues">;
  /** The queue that was chosen, or asked for by the address. */
  readonly queueId: string | undefined;
  /** The conversation that is followed, if any. */
  readonly chat: Pick<ChatState, "connection" | "conversation" | "place" | "ended"> | undefined;
}

/**
 * Decides the screen, from what the service told and nothing else: a place means waiting, a conversation without one
 * is being answered, and a closed one has ended. Where following was refused, the reason decides.
 */
export function screenOf({ storageBlocked, queues, queueId, chat }: ScreenInput): Screen {
  if (storageBlocked) return { name: "storageBlocked" };
  if (chat !== undefined) return chatScreen(chat);
  if (queues.queues === undefined) return { name: isTrying(queues.connection) ? "loading" : "unreachable" };
  if (queueId === undefined) return { name: "queues", missing: false };
  const known = queues.queues.some(({ queue }) => queue?.id === queueId);
  return known ? { name: "queue", queueId } : { name: "queues", missing: true };
}

function chatScreen(chat: NonNullable<ScreenInput["chat"]>): Screen {
  const conversation = chat.conversation;
  if (conversation?.state === ConversationState.CLOSED || conversation?.closeTime !== undefined) {
    return { name: "ended" };
  }
  if (chat.ended !== undefined) return endedScreen(chat.ended);
  if (conversation === undefined) return { name: isTrying(chat.connection) ? "loading" : "unreachable" };
  return { name: "conversation", part: chat.place === undefined ? "talk" : "waiting" };
}

function endedScreen({ reason }: Ended): Screen {
  switch (reason) {
    case "unauthenticated":
    case "not_found":
    case GoAwayReason.TOKEN_ENDED:
    case GoAwayReason.ACCESS_ENDED:
      return { name: "gone" };
    case GoAwayReason.CONVERSATION_CLOSED:
      return { name: "ended" };
    case GoAwayReason.SUPERSEDED:
      return { name: "elsewhere" };
    default:
      return { name: "failed" };
  }
}

function isTrying(connection: ConnectionState): boolean {
  return connection === "connecting" || connection === "open";
}
