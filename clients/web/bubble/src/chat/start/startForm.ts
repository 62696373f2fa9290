import { containsIdentityCode } from "@kupla/sdk";
import type { Language } from "../i18n/languages.js";
import { isLanguage } from "../i18n/languages.js";

/** The contract's limits, in characters. */
export const nameLimit = 60;
/** The contract's limit of a message, in characters. */
export const messageLimit = 4000;

/** What is wrong with the form, by field. */
export interface StartProblems {
  readonly name?: "identityCode" | undefined;
  readonly message?: "identityCode" | { readonly tooLongBy: number } | undefined;
}

/** Checks what was typed, before anything of it is sent. Undefined when nothing is wrong. */
export function startProblems(name: string, message: string): StartProblems | undefined {
  const tooLongBy = [...message.trim()].length - messageLimit;
  const problems: StartProblems = {
    name: containsIdentityCode(name) ? "identityCode" : undefined,
    message: containsIdentityCode(message) ? "identityCode" : tooLongBy > 0 ? { tooLongBy } : undefined,
  };
  return problems.name === undefined && problems.message === undefined ? undefined : problems;
}

/** The languages of the chat that a queue serves. */
export function served(codes: readonly string[]): Language[] {
  return codes.filter(isLanguage);
}

/**
 * The language to start in: what was chosen, while the queue serves it; else the page's, when the queue serves that;
 * else the first that it serves.
 */
export function startLanguage(chosen: Language | undefined, page: Language, codes: readonly Language[]): Language {
  for (const language of [chosen, page]) {
    if (language !== undefined && codes.includes(language)) return language;
  }
  return codes[0] ?? page;
}
