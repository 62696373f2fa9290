import type conversation from "./conversation/fi.js";
import type first from "./fi/index.js";

/** All texts, in the shape that Finnish gives them. */
export type Texts = typeof first & typeof conversation;

/**
 * The shape of a translation: the same keys as in Finnish, with any text. Swedish and English have the same plural
 * categories as Finnish, so the keys of plurals are the same too.
 */
export type Translated<T> = { readonly [K in keyof T]: T[K] extends string ? string : Translated<T[K]> };

type Leaves<T> = {
  [K in keyof T & string]: T[K] extends string ? WithoutPlural<K> : `${K}.${Leaves<T[K]>}`;
}[keyof T & string];

/** `waiting_one` and `waiting_other` are asked for as `waiting`, with a count. */
type WithoutPlural<K extends string> = K extends `${infer Base}_${"one" | "other"}` ? Base : K;

/** The key of a text: `namespace:key`, or `namespace:group.key`. */
export type TextKey = { [N in keyof Texts & string]: `${N}:${Leaves<Texts[N]>}` }[keyof Texts & string];
