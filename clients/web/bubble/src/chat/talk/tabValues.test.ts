import { expect, test } from "vitest";

import { createTabValues } from "./tabValues.js";

function memory() {
  const values = new Map<string, string>();
  return {
    values,
    getItem: (key: string) => values.get(key) ?? null,
    setItem: (key: string, value: string) => void values.set(key, value),
    removeItem: (key: string) => void values.delete(key),
  };
}

test("a draft is kept by conversation, and an empty one is removed", () => {
  const storage = memory();
  const drafts = createTabValues("draft", () => storage);
  drafts.write("a", "kesken");
  drafts.write("b", "muu");
  expect(createTabValues("draft", () => storage).read("a")).toBe("kesken");
  drafts.write("a", "");
  expect(drafts.read("a")).toBe("");
  expect([...storage.values.values()]).toEqual(["muu"]);
});

test("a browser that keeps nothing is no reason to fail", () => {
  const drafts = createTabValues("draft", () => {
    throw new DOMException("denied", "SecurityError");
  });
  drafts.write("a", "kesken");
  expect(drafts.read("a")).toBe("");
});
