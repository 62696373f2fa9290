import { containsIdentityCode } from "@kupla/sdk";
import { expect, test } from "vitest";

import { withoutIdentityCodes } from "./identityCodes.js";

// All of these are from the range that is given to nobody.
test.each([
  ["Olen 131052-900W ja tarvitsen ajan.", "Olen ja tarvitsen ajan."],
  ["Tunnukseni on 131052-900W.", "Tunnukseni on."],
  ["131052-900W", ""],
  ["131052-900W ja 131052 - 900W", "ja"],
  ["Hei!\n131052-900W\nOnko aikoja?", "Hei!\n\nOnko aikoja?"],
  ["Ei tunnusta tässä. ", "Ei tunnusta tässä. "],
])("%s", (text, rest) => {
  expect(withoutIdentityCodes(text)).toBe(rest);
  expect(containsIdentityCode(withoutIdentityCodes(text))).toBe(false);
});
