import { findIdentityCode } from "@kupla/sdk";

/**
 * A text without any personal identity code in it, and without the gaps that taking them out leaves behind.
 */
export function withoutIdentityCodes(text: string): string {
  let rest = text;
  for (let found = findIdentityCode(rest); found !== undefined; found = findIdentityCode(rest)) {
    const before = rest.slice(0, found.start);
    const after = rest.slice(found.end);
    // "Olen X ja tarvitsen" has a blank on both sides of X; "Tunnus: X." none after it, and then the one before goes.
    const blank = /^(?:$|[ \n.,:;!?)])/u.test(after);
    rest = (blank ? before.replace(/[ ]+$/u, "") : before) + after;
  }
  return rest === text ? text : rest.trim();
}
