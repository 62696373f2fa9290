import type { Messages } from "@lingui/core";

type Piece = string | [name: string];
type Message = Messages[string];

/** Texts of one language: groups of groups, down to the words. */
export interface TextTree {
  readonly [key: string]: string | TextTree;
}

/**
 * Turns the texts of a namespace into what the library reads, without its parser, which is larger than all else of it:
 * `{{name}}` is a place for a value, and `key_one` and `key_other` are the plurals of `key`, by its `count`.
 */
export function compile(namespace: string, texts: TextTree): Messages {
  const messages: Record<string, Message> = {};
  add(messages, `${namespace}:`, texts);
  return messages;
}

function add(messages: Record<string, Message>, prefix: string, texts: TextTree): void {
  for (const [key, text] of Object.entries(texts)) {
    if (typeof text !== "string") {
      add(messages, `${prefix}${key}.`, text);
    } else if (key.endsWith("_other")) {
      const base = key.slice(0, -"_other".length);
      const one = texts[`${base}_one`];
      if (typeof one !== "string") throw new Error(`${prefix}${base} has no _one`);
      messages[prefix + base] = [["count", "plural", { one: pieces(one), other: pieces(text) }]];
    } else if (!key.endsWith("_one")) {
      messages[prefix + key] = pieces(text);
    }
  }
}

function pieces(text: string): Piece[] {
  // What stands between the places, and their names, take turns.
  return text
    .split(/\{\{(\w+)\}\}/)
    .map((piece, index): Piece => (index % 2 === 0 ? piece : [piece]))
    .filter((piece) => piece !== "");
}
