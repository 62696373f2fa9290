import type { ConnectionState, OutboxMessage } from "@kupla/sdk";

import type { TextKey } from "../i18n/texts.js";

/** What messages that could not be sent yet wait for. All wait for the same: the first of them to get through. */
export function waitingKey(
  outbox: readonly Pick<OutboxMessage, "state" | "error">[],
  connection: ConnectionState,
): Extract<TextKey, `talk:outbox.${string}`> {
  if (connection === "interrupted") return "talk:outbox.interrupted";
  const first = outbox.find(({ state }) => state === "waiting");
  switch (first?.error?.reason) {
    case "UNAVAILABLE":
      return "talk:outbox.interrupted";
    case "OVERLOADED":
    case "RATE_LIMITED":
      return "talk:outbox.busy";
    default:
      return "talk:outbox.waiting";
  }
}
