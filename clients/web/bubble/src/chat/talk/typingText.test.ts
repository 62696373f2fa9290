import { beforeAll, expect, test } from "vitest";

import { setLanguage } from "../i18n/i18n.js";
import type { People } from "./people.js";
import { typingText } from "./typingText.js";

const people: People = {
  me: "customer",
  names: new Map([
    ["professional-1", "Kaisa"],
    ["professional-2", "Tauno"],
    ["professional-3", "Aino"],
  ]),
  professionals: ["professional-1", "professional-2"],
};

beforeAll(async () => {
  await setLanguage("fi");
});

test.each([
  ["fi", [], ""],
  ["fi", ["customer"], ""],
  ["fi", ["professional-1"], "Kaisa kirjoittaa…"],
  ["fi", ["professional-1", "professional-2"], "Kaisa ja Tauno kirjoittavat…"],
  ["fi", ["professional-9"], "Ammattilainen kirjoittaa…"],
  ["fi", ["professional-3"], ""],
  ["sv", ["professional-1", "professional-2"], "Kaisa och Tauno skriver…"],
  ["en", ["professional-1", "professional-2"], "Kaisa and Tauno are typing…"],
] as const)("in %s: %s", async (language, typing, expected) => {
  await setLanguage(language);
  expect(typingText(typing, people)).toBe(expected);
});
