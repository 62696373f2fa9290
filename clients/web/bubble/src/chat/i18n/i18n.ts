import type { ReadonlySignal } from "@preact/signals";
import { signal } from "@preact/signals";
import { setupI18n } from "@lingui/core";
import type { LocalizedText } from "@kupla/contract/kupla/v1/text_pb";
import type { TextTree } from "./compile.js";
import { compile } from "./compile.js";
import type { Language } from "./languages.js";
import type { TextKey } from "./texts.js";

type Loader = () => Promise<{ default: Readonly<Record<string, TextTree>> }>;

// Each language is a chunk of its own, in two parts: what the first screens say comes first. Only what is read is loaded.
const parts: Record<"first" | "conversation", Record<Language, Loader>> = {
  first: {
    fi: () => import("./fi/index.js"),
    sv: () => import("./sv/index.js"),
    en: () => import("./en/index.js"),
  },
  conversation: {
    fi: () => import("./conversation/fi.js"),
    sv: () => import("./conversation/sv.js"),
    en: () => import("./conversation/en.js"),
  },
};

const i18n = setupI18n();
const loaded = new Set<Loader>();
const current = signal<Language>("fi");
/** The language that the page has, or is about to have. */
let wanted: Language = "fi";

/** The language of the page. Its texts are there before it changes, so nothing is ever shown without them. */
export const language: ReadonlySignal<Language> = current;

/** Values for the places in a text, such as `{{queue}}`. A count also chooses the plural. */
export type TextValues = Readonly<Record<string, string | number>>;

async function load(part: keyof typeof parts, next: Language): Promise<void> {
  const loader = parts[part][next];
  if (loaded.has(loader)) return;
  const { default: texts } = await loader();
  for (const [namespace, tree] of Object.entries(texts)) i18n.load(next, compile(namespace, tree));
  loaded.add(loader);
}

function activate(next: Language): void {
  wanted = next;
  i18n.activate(next);
  current.value = next;
  if (typeof document !== "undefined") document.documentElement.lang = next;
}

/** Begins in a language, with the texts of the first screens. */
export async function startTexts(first: Language): Promise<void> {
  wanted = first;
  await load("first", first);
  activate(first);
}

/** Loads the texts of the wait, the talk and its end. They must be there before their screens. */
export async function loadConversationTexts(): Promise<void> {
  await load("conversation", wanted);
}

/** Changes the language of the page. Throws when its texts cannot be fetched; the page then stays as it is. */
export async function setLanguage(next: Language): Promise<void> {
  await Promise.all([load("first", next), load("conversation", next)]);
  activate(next);
}

/** A text in the language of the page. Components that call it are drawn anew when the language changes. */
export function t(key: TextKey, values?: TextValues): string {
  // Reading it is what ties the component to the language.
  void current.value;
  return i18n._(key, values);
}

/** A text of the catalogue in the language of the page, or in another one where it is missing. */
export function localized(text: LocalizedText | undefined): string {
  if (text === undefined) return "";
  return text[current.value] || text.fi || text.sv || text.en;
}

/** The language that {@link localized} gives a text in, to be told to screen readers where it is not the page's. */
export function localizedLanguage(text: LocalizedText | undefined): Language {
  if (text === undefined || text[current.value]) return current.value;
  return text.fi ? "fi" : text.sv ? "sv" : "en";
}
