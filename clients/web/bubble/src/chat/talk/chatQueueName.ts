import type { Chat } from "../app/session.js";
import { localized } from "../i18n/i18n.js";

const queueNames = new WeakMap<Chat, (queueId: string) => string | undefined>();

/** Tells queues by name. The same function for the same chat, so that nothing is drawn anew for it. */
export function chatQueueName(chat: Chat): (queueId: string) => string | undefined {
  let name = queueNames.get(chat);
  if (name === undefined) {
    name = (queueId) => {
      const text = localized(chat.queueOf(queueId)?.name);
      return text === "" ? undefined : text;
    };
    queueNames.set(chat, name);
  }
  return name;
}
