import type { waiting as finnish } from "../fi/waiting.js";
import type { Translated } from "../texts.js";

/** Texts of the wait. */
export const waiting: Translated<typeof finnish> = {
  title: "In the queue",
  place: "You are number {{position}} in the queue",
  next: "You are next in line",
  wait: "The wait is {{wait}}.",
  asOf: "Estimated {{time}}",
  soon: "It is soon your turn. Stay close.",
  movedBack: "Your place moved back because somebody who had come before you returned to the queue.",
  keep: "You can visit other pages or lock your phone: your place is kept for {{duration}}.",
  keepSoon: "If your connection is lost, your place is kept for {{duration}}.",
  held: "Your place is kept until {{time}}.",
  transferred: "You were moved to this queue. The time you have already waited counts.",
  writeNow: "You can write already. The professional sees your messages when your turn comes.",
  callInstead: "If you cannot wait, call",
  leave: "Leave the queue",
  sound: "Sound when it is your turn",
  attention: { soon: "Soon your turn", joined: "It is your turn" },
  joined: "{{name}} joined the chat. You can talk now.",
  joinedNameless: "A professional joined the chat. You can talk now.",
  backInQueue: "You are in the queue again.",
};
