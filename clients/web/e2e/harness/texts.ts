import enConversation from "../../bubble/src/chat/i18n/conversation/en.ts";
import fiConversation from "../../bubble/src/chat/i18n/conversation/fi.ts";
import svConversation from "../../bubble/src/chat/i18n/conversation/sv.ts";
import en from "../../bubble/src/chat/i18n/en/index.ts";
import fi from "../../bubble/src/chat/i18n/fi/index.ts";
import sv from "../../bubble/src/chat/i18n/sv/index.ts";
import type { Texts, Translated } from "../../bubble/src/chat/i18n/texts.ts";

/** The languages of the chat. */
export type Language = "fi" | "sv" | "en";

/** What residents look for on the screen, by language: the bubble's own texts. The stories say the main ones anew. */
export const texts: Record<Language, Translated<Texts>> = {
  fi: { ...fi, ...fiConversation },
  sv: { ...sv, ...svConversation },
  en: { ...en, ...enConversation },
};

/** A text with places such as `{{time}}` as a pattern for what stands on the screen, whatever is in the places. */
export function pattern(text: string, values: Record<string, string | number> = {}): RegExp {
  const parts = text.split(/\{\{(\w+)\}\}/);
  return new RegExp(parts.map((part, i) => (i % 2 === 0 ? literally(part) : literally(values[part]) || ".+")).join(""));
}

function literally(text: string | number | undefined): string {
  return String(text ?? "").replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
