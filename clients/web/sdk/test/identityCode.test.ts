import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { containsIdentityCode, findIdentityCode } from "../src/index.js";

const checkCharacters = "0123456789ABCDEFHJKLMNPRSTUVWXY";

/**
 * The vectors of the service's own test, so that a client never warns of what the service takes, nor the other way
 * round. Invalid UTF-8 cannot be in a string here; it is read as what a decoder makes of it.
 */
const source = readFileSync(new URL("../../../../server/internal/identity/guard_test.go", import.meta.url), "utf8");
const table = source.slice(source.indexOf("func TestFindCode("), source.indexOf("for name, test := range tests"));
const vectors = [
  ...table.matchAll(
    /^\t\t"([^"]+)":\s+\{(withCheck\()?"((?:[^"\\]|\\.)*)"\)?, (withCheck\()?"((?:[^"\\]|\\.)*)"\)?\},$/gm,
  ),
].map(([, name, textCheck, text, wantCheck, want]) => ({
  name: name ?? "",
  text: textCheck === undefined ? unquoted(text ?? "") : withCheck(text ?? ""),
  want: wantCheck === undefined ? unquoted(want ?? "") : withCheck(want ?? ""),
}));

function unquoted(text: string): string {
  return text
    .replace(/\\x([0-9a-f]{2})/g, "\uFFFD")
    .replace(/\\u([0-9A-F]{4})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    .replace(/\\n/g, "\n")
    .replace(/\\r/g, "\r");
}

function withCheck(code: string): string {
  return code + (checkCharacters[Number(code.replace(/\D/g, "")) % 31] ?? "");
}

function found(text: string): string {
  const span = findIdentityCode(text);
  return span === undefined ? "" : text.slice(span.start, span.end);
}

describe("findIdentityCode", () => {
  it("knows all vectors of the service", () => {
    // A vector that the expression above cannot read would be left out unseen.
    expect(vectors).toHaveLength([...table.matchAll(/^\t\t"[^"]+":\s+\{/gm)].length);
    expect(vectors.length).toBeGreaterThan(80);
  });

  it.each(vectors)("$name", ({ text, want }) => {
    expect(found(text)).toBe(want);
    expect(containsIdentityCode(text)).toBe(want !== "");
  });

  it.each([..."-YXWVUABCDEF"])("knows the sign %s and its century", (sign) => {
    expect(found(withCheck(`100190${sign}999`))).not.toBe("");
    // 1900 had no leap day, 2000 had.
    expect(found(withCheck(`290200${sign}900`)) !== "").toBe("ABCDEF".includes(sign));
  });

  it("knows the digits of every script", () => {
    let scripts = 0;
    for (let code = 0x80; code <= 0x1ffff; code++) {
      if (!/^\p{Nd}$/u.test(String.fromCodePoint(code))) continue;
      const zero = code;
      const text = "220750-999Y".replace(/\d/g, (digit) => String.fromCodePoint(zero + Number(digit)));
      expect(found(text), zero.toString(16)).toBe(text);
      scripts++;
      code += 9;
    }
    expect(scripts).toBeGreaterThan(60);
  });

  it("takes a long text that sends it back and forth in no time", () => {
    // Were it not linear, it would take minutes.
    for (const unit of ["220750-", "220750 - ", "1", "\u200B", "220750-999"]) {
      expect(findIdentityCode(unit.repeat(100_000 / unit.length))).toBeUndefined();
    }
  }, 10_000);
});
