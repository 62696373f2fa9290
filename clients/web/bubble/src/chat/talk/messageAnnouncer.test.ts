import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { apartMs, gatherMs, MessageAnnouncer } from "./messageAnnouncer.js";

let said: string[] = [];
let announcer: MessageAnnouncer;

beforeEach(() => {
  vi.useFakeTimers();
  said = [];
  announcer = new MessageAnnouncer(
    { many: (count, last) => `${count}, ${last}`, say: (text) => void said.push(text) },
    {
      now: () => Date.now(),
      setTimeout: (callback, ms) => Number(setTimeout(callback, ms)),
      clearTimeout: (id) => clearTimeout(id),
    },
  );
});

afterEach(() => {
  vi.useRealTimers();
});

test("one message is said soon, and whole", () => {
  announcer.add("Kaisa: Hei!");
  expect(said).toEqual([]);
  vi.advanceTimersByTime(gatherMs);
  expect(said).toEqual(["Kaisa: Hei!"]);
});

test("messages that come together are said together", () => {
  announcer.add("Kaisa: Hei!");
  announcer.add("Kaisa: Odota hetki.");
  vi.advanceTimersByTime(gatherMs);
  expect(said).toEqual(["Kaisa: Hei!\nKaisa: Odota hetki."]);
});

test("a flood is heard as its count and its last message, never faster than the pause", () => {
  announcer.add("1");
  vi.advanceTimersByTime(gatherMs);
  for (let i = 2; i <= 30; i++) {
    announcer.add(String(i));
    vi.advanceTimersByTime(100);
  }
  vi.advanceTimersByTime(apartMs);
  expect(said).toEqual(["1", "29, 30"]);
  announcer.add("31");
  vi.advanceTimersByTime(gatherMs);
  expect(said).toHaveLength(2);
  vi.advanceTimersByTime(apartMs);
  expect(said.at(-1)).toBe("31");
});

test("nothing is said after it is cleared", () => {
  announcer.add("1");
  announcer.clear();
  vi.advanceTimersByTime(2 * apartMs);
  expect(said).toEqual([]);
});
