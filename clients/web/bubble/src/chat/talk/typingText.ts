import { list } from "../i18n/format.js";
import { t } from "../i18n/i18n.js";
import type { People } from "./people.js";
import { nameOf } from "./words.js";

/**
 * Who is typing, as a sentence; empty when nobody is. Whoever has handed the conversation on is not writing in it any
 * more, though the service's word of it holds for some seconds.
 */
export function typingText(typing: readonly string[], people: People): string {
  const hasLeft = (id: string) => people.names.has(id) && !people.professionals.includes(id);
  const names = typing.filter((id) => id !== people.me && !hasLeft(id)).map((id) => nameOf(people, id));
  if (names.length === 0) {
    return "";
  }
  return t(names.length === 1 ? "talk:typing" : "talk:typingMany", { names: list(names) });
}
