/** What the loader itself says. Everything else is said by the chat in the frame. */
export interface LoaderTexts {
  /** What the button and the panel are called. */
  readonly chat: string;
  readonly close: string;
  readonly loading: string;
  readonly failed: string;
  readonly retry: string;
  /** So many messages have not been read. */
  unread(count: number): string;
}

const fi: LoaderTexts = {
  chat: "Chat",
  close: "Sulje chat",
  loading: "Chat avautuu…",
  failed: "Chat ei nyt avaudu. Tarkista verkkoyhteytesi.",
  retry: "Yritä uudelleen",
  unread: (count) => (count === 1 ? "1 lukematon viesti" : `${count} lukematonta viestiä`),
};

const sv: LoaderTexts = {
  chat: "Chatt",
  close: "Stäng chatten",
  loading: "Chatten öppnas…",
  failed: "Chatten öppnas inte just nu. Kontrollera din internetanslutning.",
  retry: "Försök igen",
  unread: (count) => (count === 1 ? "1 oläst meddelande" : `${count} olästa meddelanden`),
};

const en: LoaderTexts = {
  chat: "Chat",
  close: "Close the chat",
  loading: "Opening the chat…",
  failed: "The chat does not open right now. Check your connection.",
  retry: "Try again",
  unread: (count) => (count === 1 ? "1 unread message" : `${count} unread messages`),
};

const all: Readonly<Record<string, LoaderTexts>> = { fi, sv, en };

/** The language to speak: the element's, else the page's, else Finnish. Only the language counts, as "sv" of "sv-FI". */
export function languageOf(element: Element): string {
  for (const tag of [element.getAttribute("lang"), document.documentElement.lang]) {
    const language = (tag ?? "").slice(0, 2).toLowerCase();
    if (Object.hasOwn(all, language)) {
      return language;
    }
  }
  return "fi";
}

/** The texts of a language that languageOf returned. */
export function textsOf(language: string): LoaderTexts {
  return all[language] ?? fi;
}
