import { beforeAll, describe, expect, test } from "vitest";

import { setLanguage } from "../i18n/i18n.js";
import { languages } from "../i18n/languages.js";
import { mayEdit, mayRetry, refusalText } from "./refusal.js";

const reasons = [
  "IDENTITY_CODE_IN_TEXT",
  "CONVERSATION_CLOSED",
  "CONVERSATION_TOO_LONG",
  "RATE_LIMITED",
  "INVALID_REQUEST",
  "ACCESS_ENDED",
  undefined,
];

describe.each(languages)("in %s", (language) => {
  beforeAll(async () => {
    await setLanguage(language);
  });

  test("each refusal is told in words of its own", () => {
    const told = reasons.map((reason) => refusalText({ reason }));
    expect(new Set(told).size).toBe(reasons.length);
    for (const text of told) {
      expect(text).toMatch(/^\p{Lu}[^{}]+\.$/u);
    }
  });

  test("a reason that is not known is told as any failure", () => {
    expect(refusalText({ reason: "SOMETHING_NEW" })).toBe(refusalText(undefined));
  });
});

test.each([
  [undefined, true, true],
  ["INTERNAL", true, true],
  ["RATE_LIMITED", true, true],
  ["SOMETHING_NEW", true, true],
  ["IDENTITY_CODE_IN_TEXT", false, true],
  ["INVALID_REQUEST", false, true],
  ["CONVERSATION_CLOSED", false, false],
  ["CONVERSATION_TOO_LONG", false, false],
  ["ACCESS_ENDED", false, false],
])("what may be done after %s", (reason, retry, edit) => {
  expect(mayRetry({ reason })).toBe(retry);
  expect(mayEdit({ reason })).toBe(edit);
});
