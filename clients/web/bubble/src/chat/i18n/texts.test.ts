import { beforeAll, describe, expect, it } from "vitest";
import type { TextTree } from "./compile.js";
import englishConversation from "./conversation/en.js";
import finnishConversation from "./conversation/fi.js";
import swedishConversation from "./conversation/sv.js";
import englishFirst from "./en/index.js";
import finnishFirst from "./fi/index.js";
import { setLanguage, t } from "./i18n.js";
import { firstLanguage } from "./languages.js";
import swedishFirst from "./sv/index.js";

const finnish = { ...finnishFirst, ...finnishConversation };
const swedish = { ...swedishFirst, ...swedishConversation };
const english = { ...englishFirst, ...englishConversation };

function leaves(tree: TextTree, prefix = ""): Map<string, string> {
  const all = new Map<string, string>();
  for (const [key, value] of Object.entries(tree)) {
    if (typeof value === "string") all.set(prefix + key, value);
    else for (const [inner, text] of leaves(value, `${prefix}${key}.`)) all.set(inner, text);
  }
  return all;
}

const places = (text: string): string[] => [...text.matchAll(/\{\{(\w+)\}\}/g)].map(([, name]) => name ?? "").sort();

describe.each([
  ["Swedish", swedish],
  ["English", english],
])("%s", (_, translation) => {
  const own = leaves(translation);
  const original = leaves(finnish);

  it("has every text, and no other", () => {
    expect([...own.keys()].sort()).toEqual([...original.keys()].sort());
  });

  it("has the same places for values", () => {
    for (const [key, text] of original) {
      // A plural may say "one" in words.
      if (key.endsWith("_one")) continue;
      expect(places(own.get(key) ?? ""), key).toEqual(places(text));
    }
  });

  it("leaves no text empty or in Finnish", () => {
    const same = [...original].filter(
      ([key, text]) => own.get(key) === text && /[a-zäö]{4}/i.test(text.replace(/\{\{\w+\}\}/g, "")),
    );
    // Names of languages are written in themselves, and "chat" is "chat".
    const allowed = /languageName\.|common\.chat$|common\.pageTitle$/;
    expect(same.map(([key]) => key).filter((key) => !allowed.test(key))).toEqual([]);
    expect([...own].filter(([, text]) => text.trim() === "")).toEqual([]);
  });
});

describe("t", () => {
  beforeAll(async () => {
    await setLanguage("fi");
  });

  it("puts values into their places", () => {
    expect(t("waiting:place", { position: 3 })).toBe("Olet jonossa sijalla 3");
  });

  it("chooses plurals by the count", () => {
    expect(t("start:waiting", { count: 1 })).toBe("1 odottaa");
    expect(t("common:minutes", { count: 10 })).toBe("10\u00a0minuuttia");
    expect(t("common:minutes", { count: 1 })).toBe("minuutin");
  });

  it("leaves what looks like markup alone", () => {
    expect(t("waiting:joined", { name: "<b>{{name}}</b>" })).toContain("<b>{{name}}</b>");
  });

  it("follows the language", async () => {
    await setLanguage("sv");
    expect(t("waiting:next")).toBe("Du står näst i tur");
    await setLanguage("fi");
    expect(t("waiting:next")).toBe("Olet seuraavana vuorossa");
  });
});

describe("firstLanguage", () => {
  it.each([
    ["sv", ["en-GB"], "sv"],
    ["de", ["en-GB", "fi"], "en"],
    [null, ["sv-FI", "fi"], "sv"],
    [undefined, ["de", "fr"], "fi"],
    ["EN", [], "en"],
  ] as const)("for %s and %j is %s", (asked, preferred, expected) => {
    expect(firstLanguage(asked, preferred)).toBe(expected);
  });
});
