import { expect, test } from "vitest";

import { countCharacters } from "./characters.js";

test.each([
  ["", 0],
  ["hei", 3],
  ["hyvää yötä", 10],
  ["🙂🙂", 2],
  ["\ud83d", 1],
])("%s", (text, expected) => {
  expect(countCharacters(text)).toBe(expected);
});
