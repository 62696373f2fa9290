/** Where something stands in a text: `text.slice(start, end)`. */
export interface TextSpan {
  readonly start: number;
  readonly end: number;
}

/**
 * Finds the first valid Finnish personal identity code in what somebody wrote, as the service does before it refuses
 * a message with IDENTITY_CODE_IN_TEXT. A client asks it to warn before anything is sent.
 *
 * It reads a code the way people and their devices write one: letters in either case, and the Cyrillic ones that look
 * like them; any dash where the sign is "-"; white space around the sign; the digits of any script and full-width
 * forms; characters that are not seen, anywhere. The code must be valid to its check character, and not be part of a
 * longer word.
 */
export function findIdentityCode(text: string): TextSpan | undefined {
  let begins = true; // whether a word may begin at the glyph
  let glyph = read(text, 0);
  while (glyph.kind !== "end") {
    if (glyph.kind !== "digit" || !begins) {
      begins = !isWord(glyph);
      glyph = read(text, glyph.end);
      continue;
    }
    const { start } = glyph;
    let digits = "";
    while (glyph.kind === "digit") {
      digits += glyph.char;
      glyph = read(text, glyph.end);
    }
    if (digits.length === 6) {
      const end = complete(text, digits, glyph);
      if (end !== undefined) return { start, end };
    }
    // Not behind the attempt, which may have read the digits of the next one: 131052-131052-900W.
    begins = false;
  }
  return undefined;
}

/** Whether there is a valid Finnish personal identity code in a text. */
export function containsIdentityCode(text: string): boolean {
  return findIdentityCode(text) !== undefined;
}

interface Glyph {
  kind: "other" | "end" | "space" | "digit" | "letter" | "sign";
  /** The character in the alphabet of codes, or "" where it has none there. */
  char: string;
  start: number;
  end: number;
}

/** The remainder of the nine digits divided by 31 is the place of the check character. */
const checkCharacters = "0123456789ABCDEFHJKLMNPRSTUVWXY";

/** The first year of the century that a sign stands for, those of the reform of 2023 included. */
const centuries: Record<string, number> = { "+": 1800 };
for (const sign of "-YXWVU") centuries[sign] = 1900;
for (const sign of "ABCDEF") centuries[sign] = 2000;

const cyrillic = "АВСЕНКМРТХУ";
const latinLookalikes = "ABCEHKMPTXY";

const unseen = /^[\p{Cf}\p{Mn}\p{Me}]$/u;
const decimalDigit = /^\p{Nd}$/u;
const letter = /^\p{L}$/u;
const numeric = /^\p{N}$/u;
const whiteSpace = /^\p{White_Space}$/u;
/** Pd has the dashes and hyphens; the rest are hyphen bullet and minuses. */
const dash = /^[\p{Pd}\u2043\u207B\u208B\u2212]$/u;

/** Reads what follows six digits and returns where it ends, when the whole is a valid code that ends a word. */
function complete(text: string, digits: string, first: Glyph): number | undefined {
  const sign = skipSpace(text, first);
  const century = centuries[sign.char];
  if (century === undefined) return undefined;
  let glyph = skipSpace(text, read(text, sign.end));
  let individual = "";
  for (let i = 0; i < 3; i++) {
    if (glyph.kind !== "digit") return undefined;
    individual += glyph.char;
    glyph = read(text, glyph.end);
  }
  if (!isWord(glyph) || glyph.char === "" || isWord(read(text, glyph.end))) return undefined;
  return valid(digits, century, individual, glyph.char) ? glyph.end : undefined;
}

function valid(digits: string, century: number, individual: string, check: string): boolean {
  const day = Number(digits.slice(0, 2));
  const month = Number(digits.slice(2, 4));
  const year = century + Number(digits.slice(4, 6));
  // A day that there is not, such as 31 April, comes back as another one.
  const date = new Date(Date.UTC(year, month - 1, day));
  if (date.getUTCFullYear() !== year || date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return false;
  return Number(individual) >= 2 && checkCharacters[Number(digits + individual) % 31] === check;
}

/** Whether a glyph would make a longer word of a code that it touches. */
function isWord(glyph: Glyph): boolean {
  return glyph.kind === "digit" || glyph.kind === "letter";
}

function skipSpace(text: string, glyph: Glyph): Glyph {
  while (glyph.kind === "space") glyph = read(text, glyph.end);
  return glyph;
}

/** Reads the first visible character from an offset on. */
function read(text: string, offset: number): Glyph {
  for (let start = offset; start < text.length; ) {
    const code = text.codePointAt(start) ?? 0;
    const end = start + (code > 0xffff ? 2 : 1);
    // Most of what people write is ASCII, which needs no look into Unicode's tables.
    if (code < 0x80) return ascii(code, start, end);
    const char = String.fromCodePoint(code);
    if (!unseen.test(char)) return classify(code, char, start, end);
    start = end;
  }
  return { kind: "end", char: "", start: text.length, end: text.length };
}

function ascii(code: number, start: number, end: number): Glyph {
  if (code >= 0x30 && code <= 0x39) return { kind: "digit", char: String.fromCharCode(code), start, end };
  const upper = code & ~0x20;
  if (upper >= 0x41 && upper <= 0x5a) return { kind: "letter", char: String.fromCharCode(upper), start, end };
  if (code === 0x2b || code === 0x2d) return { kind: "sign", char: String.fromCharCode(code), start, end };
  return { kind: code === 0x20 || (code >= 0x09 && code <= 0x0d) ? "space" : "other", char: "", start, end };
}

function classify(code: number, char: string, start: number, end: number): Glyph {
  if (code >= 0xff01 && code <= 0xff5e) return ascii(code - 0xff01 + 0x21, start, end); // a full-width form
  return { ...unicode(char), start, end };
}

function unicode(char: string): Pick<Glyph, "kind" | "char"> {
  if (decimalDigit.test(char)) return { kind: "digit", char: decimal(char) };
  if (letter.test(char)) {
    const place = cyrillic.indexOf(char.toUpperCase());
    return { kind: "letter", char: place < 0 ? "" : (latinLookalikes[place] ?? "") };
  }
  if (numeric.test(char)) return { kind: "letter", char: "" }; // ½ and ² continue a word but are no digit of a code
  if (whiteSpace.test(char)) return { kind: "space", char: "" };
  if (dash.test(char)) return { kind: "sign", char: "-" };
  return { kind: "other", char: "" };
}

/**
 * The value of a decimal digit outside ASCII. Unicode keeps the ten digits of a script together and in order, so the
 * value follows from how many digits stand before it.
 */
function decimal(char: string): string {
  const code = char.codePointAt(0) ?? 0;
  let before = 0;
  while (decimalDigit.test(String.fromCodePoint(code - before - 1))) before++;
  return String(before % 10);
}
