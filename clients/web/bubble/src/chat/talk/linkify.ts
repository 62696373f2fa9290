/** A piece of a message: plain text, or something that can be followed. */
export type Piece =
  | { readonly kind: "text"; readonly text: string }
  | {
      readonly kind: "link";
      /** What was written. */
      readonly text: string;
      /** Where it leads. Only ever http, https, mailto or tel. */
      readonly href: string;
      /** Whether it leads to another page, so that it opens in a tab of its own. */
      readonly external: boolean;
      /** The host that it really leads to, when what was written may look like another one. */
      readonly host?: string;
    };

/**
 * Finds where a link may begin. It is kept loose and without nested repetition, so that it is linear in the length of
 * the text; what it finds is judged afterwards.
 */
const candidate =
  /https?:\/\/[^\s]+|www\.[^\s]+|(?:mailto:)?[a-z0-9._%+-]{1,64}@[a-z0-9.-]{3,253}|tel:\+?[0-9-]{3,20}|\+?[0-9][0-9 \u00A0-]{1,24}[0-9]/giu;

/**
 * What ends an address in running text although an address may contain it: quotes and angle brackets, a backslash (a
 * browser would read it as a slash), and every character that is not seen or that turns the direction of what follows,
 * so that nothing is hidden in an address.
 */
const endOfAddress = /[<>"“”„«»`\\|^{}\u00AD\u061C\p{Cc}\p{Cf}]/u;

const wordCharacter = /[\p{L}\p{N}_]/u;

const trailing = /[.,:;!?'’…*_~]/u;

const brackets: Readonly<Record<string, string>> = { ")": "(", "]": "[" };

/**
 * Cuts a message into plain text and links. The pieces put together again are the message, character by character.
 *
 * Only http, https, mailto and tel come out, whatever is written. Telephone numbers are those of the emergency and
 * the medical helpline, international ones, and Finnish ones with their area or mobile code.
 */
export function linkify(text: string): readonly Piece[] {
  const pieces: Piece[] = [];
  let done = 0;
  candidate.lastIndex = 0;
  for (let match = candidate.exec(text); match !== null; match = candidate.exec(text)) {
    const link = insideWord(text, match.index) ? undefined : judge(match[0], text.slice(match.index + match[0].length));
    if (link === undefined) {
      // What looked like one link may hide another one: "1112 112". Go on behind its first run.
      candidate.lastIndex = match.index + firstRun(match[0]);
      continue;
    }
    if (match.index > done) {
      pieces.push({ kind: "text", text: text.slice(done, match.index) });
    }
    pieces.push(link);
    done = match.index + link.text.length;
    candidate.lastIndex = done;
  }
  if (done < text.length) {
    pieces.push({ kind: "text", text: text.slice(done) });
  }
  return pieces;
}

type Link = Extract<Piece, { kind: "link" }>;

function insideWord(text: string, index: number): boolean {
  if (index === 0) {
    return false;
  }
  // The character before may be the second half of a surrogate pair.
  const before = Array.from(text.slice(Math.max(0, index - 2), index)).at(-1) ?? "";
  return wordCharacter.test(before) || before === "@" || before === "/" || before === "+";
}

function firstRun(match: string): number {
  const end = match.search(/[^\p{L}\p{N}]/u);
  return end > 0 ? end : match.length;
}

function judge(match: string, after: string): Link | undefined {
  if (/^https?:/iu.test(match)) {
    return webAddress(match, match);
  }
  if (/^www\./iu.test(match)) {
    return webAddress(match, `https://${match}`);
  }
  if (match.includes("@")) {
    return mailAddress(match);
  }
  return telephone(match, after);
}

function webAddress(match: string, address: string): Link | undefined {
  const text = trim(match);
  const url = parse(address.slice(0, address.length - (match.length - text.length)));
  // Before an @ in an address anything may stand, such as the name of another site.
  if (url === undefined || url.username !== "" || url.password !== "" || url.hostname === "") {
    return undefined;
  }
  if (!url.hostname.includes(".") && !url.hostname.startsWith("[") && url.hostname !== "localhost") {
    return undefined;
  }
  return { kind: "link", text, href: url.href, external: true, ...realHost(text, url) };
}

function parse(address: string): URL | undefined {
  try {
    return new URL(address);
  } catch {
    return undefined;
  }
}

/** Cuts off what belongs to the sentence rather than to the address. */
function trim(match: string): string {
  const stop = match.search(endOfAddress);
  let end = stop < 0 ? match.length : stop;
  const open: Record<string, number> = { "(": 0, "[": 0, ")": 0, "]": 0 };
  for (let i = 0; i < end; i++) {
    const char = match.charAt(i);
    if (char in open) {
      open[char] = (open[char] ?? 0) + 1;
    }
  }
  for (; end > 0; end--) {
    const last = match.charAt(end - 1);
    const opening = brackets[last];
    if (opening !== undefined) {
      // A closing bracket belongs to the address when the address opened it.
      if ((open[last] ?? 0) <= (open[opening] ?? 0)) {
        break;
      }
      open[last] = (open[last] ?? 0) - 1;
    } else if (!trailing.test(last)) {
      break;
    }
  }
  return match.slice(0, end);
}

/**
 * Tells the real host when it is not what stands in the text. Letters of Finnish and Swedish beside those of English
 * are what they look like; any other script has letters that look like these.
 */
function realHost(text: string, url: URL): { host?: string } {
  const written = /^(?:https?:\/\/)?([^/?#:]*)/iu.exec(text)?.[1]?.toLowerCase() ?? "";
  if (url.hostname === written || (url.hostname.startsWith("[") && text.includes(url.hostname))) {
    return {};
  }
  return /^[a-z0-9åäö.-]+$/u.test(written) && url.hostname.includes("xn--") && !written.includes("xn--")
    ? {}
    : { host: url.hostname };
}

function mailAddress(match: string): Link | undefined {
  const text = match.replace(/[.-]+$/u, "");
  const address = text.replace(/^mailto:/iu, "");
  const [local = "", domain = ""] = address.split("@");
  if (local === "" || !/^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$/iu.test(domain)) {
    return undefined;
  }
  return { kind: "link", text, href: `mailto:${encodeURIComponent(local)}@${domain}`, external: false };
}

function telephone(match: string, after: string): Link | undefined {
  const text = match.replace(/-+$/u, "");
  const number = text.replace(/^tel:/iu, "").replace(/[ \u00A0-]/gu, "");
  const continues = match === text && (wordCharacter.test(after.slice(0, 1)) || /^[.,:/][0-9]/u.test(after));
  if (continues || !isTelephone(number, text)) {
    return undefined;
  }
  return { kind: "link", text, href: `tel:${number}`, external: false };
}

/** Whether it is a number that somebody can call rather than a sum, a date or a number of some document. */
function isTelephone(number: string, text: string): boolean {
  if (/[ \u00A0-]{2}/u.test(text)) {
    return false;
  }
  if (number === "112" || number === "116117" || /^tel:/iu.test(text)) {
    return true;
  }
  if (number.startsWith("+")) {
    return /^\+[1-9][0-9]{6,14}$/u.test(number);
  }
  return /^0[1-9][0-9]{5,10}$/u.test(number) && (number.length >= 9 || /^0[0-9]{1,3}[ \u00A0-]/u.test(text));
}
