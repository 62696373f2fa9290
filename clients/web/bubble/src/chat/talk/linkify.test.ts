import { describe, expect, test } from "vitest";

import { linkify } from "./linkify.js";

function links(text: string) {
  return linkify(text).flatMap((piece) => (piece.kind === "link" ? [[piece.text, piece.href, piece.host]] : []));
}

describe("web addresses", () => {
  test.each([
    ["Katso https://example.fi/ohje.", "https://example.fi/ohje", "https://example.fi/ohje"],
    ["(https://example.fi/a)", "https://example.fi/a", "https://example.fi/a"],
    ["https://example.fi/a_(b)", "https://example.fi/a_(b)", "https://example.fi/a_(b)"],
    ["(katso https://example.fi/a_(b)).", "https://example.fi/a_(b)", "https://example.fi/a_(b)"],
    ["https://example.fi?x=1&y=2#z!", "https://example.fi?x=1&y=2#z", "https://example.fi/?x=1&y=2#z"],
    ["HTTPS://Example.FI", "HTTPS://Example.FI", "https://example.fi/"],
    ["www.example.fi/aika, kiitos", "www.example.fi/aika", "https://www.example.fi/aika"],
    ["”https://example.fi”", "https://example.fi", "https://example.fi/"],
    ["<https://example.fi>", "https://example.fi", "https://example.fi/"],
    ["http://example.fi:8080/a", "http://example.fi:8080/a", "http://example.fi:8080/a"],
    ["https://example.fi/…", "https://example.fi/", "https://example.fi/"],
  ])("%s", (text, shown, href) => {
    expect(links(text)).toEqual([[shown, href, undefined]]);
  });

  test.each([
    "javascript:alert(1)",
    "JavaScript://example.fi/%0Aalert(1)",
    "data:text/html,hei",
    "vbscript:x",
    "file:///etc/passwd",
    "ftp://example.fi/a",
    "xhttps://example.fi",
    "https://",
    "https:// example.fi",
    "http://intranet/x",
    "https://suomi.example@harhautus.example/",
    "https://suomi.example:salasana@harhautus.example/",
  ])("no link to the web in %s", (text) => {
    expect(links(text).filter(([, href]) => !href?.startsWith("mailto:"))).toEqual([]);
  });

  test("several in one message", () => {
    expect(links("https://a.example ja https://b.example, tai c@d.example")).toHaveLength(3);
  });
});

describe("addresses that look like others", () => {
  test("a letter of another script shows the real host", () => {
    expect(links("https://suomі.fi/kirjaudu")).toEqual([
      ["https://suomі.fi/kirjaudu", "https://xn--suom-o9d.fi/kirjaudu", "xn--suom-o9d.fi"],
    ]);
  });

  test("letters of Finnish and Swedish are what they look like", () => {
    expect(links("https://työ.example")).toEqual([["https://työ.example", "https://xn--ty-gka.example/", undefined]]);
  });

  test("other dots and number forms show the real host", () => {
    expect(links("https://suomi。example/")[0]?.[2]).toBe("suomi.example");
    expect(links("http://2130706433.0x1/")).toEqual([]);
    expect(links("http://0x7f.1/")[0]?.[2]).toBe("127.0.0.1");
  });

  test.each(["\u202E", "\u2066", "\u200B", "\u00AD", "\u0000"])("an address ends at what is not seen", (hidden) => {
    expect(links(`https://example.fi/${hidden}gpj.exe`)).toEqual([
      ["https://example.fi/", "https://example.fi/", undefined],
    ]);
  });

  test("an address ends at a backslash", () => {
    expect(links("https://example.fi\\@harhautus.example")[0]).toEqual([
      "https://example.fi",
      "https://example.fi/",
      undefined,
    ]);
  });
});

describe("mail", () => {
  test.each([
    ["neuvola@example.fi.", "neuvola@example.fi", "mailto:neuvola@example.fi"],
    ["mailto:neuvola@example.fi", "mailto:neuvola@example.fi", "mailto:neuvola@example.fi"],
    ["(etu.suku+x@a.example.fi)", "etu.suku+x@a.example.fi", "mailto:etu.suku%2Bx@a.example.fi"],
  ])("%s", (text, shown, href) => {
    expect(links(text)).toEqual([[shown, href, undefined]]);
  });

  test.each(["a@b", "@example.fi", "a@example.fi?subject=x&cc=b"])("nothing is smuggled in by %s", (text) => {
    for (const [, href] of links(text)) {
      expect(href).toMatch(/^mailto:[^?&]+$/u);
    }
  });
});

describe("telephone", () => {
  test.each([
    ["Soita 112!", "112", "tel:112"],
    ["Soita 116117.", "116117", "tel:116117"],
    ["Soita 116 117", "116 117", "tel:116117"],
    ["puh. 040 123 4567 arkisin", "040 123 4567", "tel:0401234567"],
    ["+358 40 123 4567", "+358 40 123 4567", "tel:+358401234567"],
    ["05-123 4567", "05-123 4567", "tel:051234567"],
    ["0401234567", "0401234567", "tel:0401234567"],
    ["tel:116117", "tel:116117", "tel:116117"],
  ])("%s", (text, shown, href) => {
    expect(links(text)).toEqual([[shown, href, undefined]]);
  });

  test.each([
    "1121",
    "a112",
    "112a",
    "112,50 euroa",
    "112.5",
    "12.5.2026 klo 10",
    "2026-05-12",
    "potilas 123456",
    "38,5",
    "120/80",
    "00 00 00 00",
    "IBAN FI21 1234 5600 0007 85",
  ])("no number to call in %s", (text) => {
    expect(links(text)).toEqual([]);
  });
});

test("the pieces put together are the message", () => {
  const messages = [
    "",
    "Hei!",
    "https://example.fi",
    "Soita 112 tai 116117, katso https://example.fi/a_(b)). Terveisin a@b.example 🙂",
    "🙂112🙂",
    "\u202Ehttps://example.fi/\u202Cx",
    "((((https://example.fi))))",
  ];
  for (const message of messages) {
    expect(
      linkify(message)
        .map((piece) => piece.text)
        .join(""),
    ).toBe(message);
  }
});

// Were any of these worked on in more than quadratic time, the test would run into its time limit.
test.each([
  "a".repeat(4000),
  "1 ".repeat(2000),
  "1".repeat(4000),
  ")".repeat(4000),
  `https://example.fi/${")".repeat(3980)}`,
  "http://".repeat(570),
  "a@".repeat(2000),
  "www.".repeat(1000),
  "+".repeat(4000),
])("a hostile message is dealt with %#", (message) => {
  expect(
    linkify(message)
      .map((piece) => piece.text)
      .join(""),
  ).toBe(message);
});
