/** The languages of the chat, as BCP 47 codes. Finnish is the first, and the one that the others are checked against. */
export const languages = ["fi", "sv", "en"] as const;

/** One of the languages of the chat. */
export type Language = (typeof languages)[number];

/** Whether a code is one of the chat's languages. */
export function isLanguage(code: string | null | undefined): code is Language {
  return languages.some((language) => language === code);
}

/** The language to begin with: the one asked for, else the first that the browser prefers, else Finnish. */
export function firstLanguage(asked: string | null | undefined, preferred: readonly string[]): Language {
  for (const code of [asked, ...preferred]) {
    const base = code?.toLowerCase().split("-")[0];
    if (isLanguage(base)) return base;
  }
  return "fi";
}
