import type { Language } from "../i18n/languages.js";
import { firstLanguage } from "../i18n/languages.js";

/** What the address of the page asks for. Nothing about a person is ever in it. */
export interface Query {
  /** The queue to go straight to. */
  readonly queueId: string | undefined;
  readonly language: Language;
  /** The name of the theme. */
  readonly theme: string;
  /** Whether the page is in the frame of a host page. */
  readonly embedded: boolean;
}

/** Reads the query of the page's address. */
export function readQuery(search: string, preferredLanguages: readonly string[]): Query {
  const query = new URLSearchParams(search);
  return {
    queueId: query.get("queue") || undefined,
    language: firstLanguage(query.get("lang"), preferredLanguages),
    theme: query.get("theme") ?? "default",
    embedded: query.get("embedded") === "1",
  };
}
