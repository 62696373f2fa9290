import { beforeEach, describe, expect, it, vi } from "vitest";
import { AnnouncementQueue, announcementGapMs, announcementLimit, announcementPauseMs } from "./announcementQueue.js";

let spoken: string[];
let region: string;
let queue: AnnouncementQueue;

beforeEach(() => {
  vi.useFakeTimers();
  spoken = [];
  region = "";
  queue = new AnnouncementQueue(
    (text) => {
      region = text;
      if (text !== "") spoken.push(text);
    },
    {
      setTimeout: (callback, ms) => setTimeout(callback, ms) as unknown as number,
      clearTimeout: (id) => clearTimeout(id),
    },
  );
});

const step = announcementGapMs + announcementPauseMs;

describe("AnnouncementQueue", () => {
  it("speaks one after the other, with an empty region in between", () => {
    queue.announce("one", { key: "a" });
    queue.announce("two", { key: "b" });
    vi.advanceTimersByTime(announcementPauseMs);
    expect(region).toBe("one");
    vi.advanceTimersByTime(announcementGapMs - 1);
    expect(region).toBe("one");
    vi.advanceTimersByTime(1);
    expect(region).toBe("");
    vi.advanceTimersByTime(announcementPauseMs);
    expect(region).toBe("two");
  });

  it("speaks the newest of a kind only", () => {
    queue.announce("first", { key: "a" });
    for (const position of [9, 8, 7, 6]) queue.announce(`place ${position}`, { key: "place" });
    vi.advanceTimersByTime(10 * step);
    expect(spoken).toEqual(["first", "place 6"]);
  });

  it("does not speak the same about the same twice in a row", () => {
    queue.announce("lost", { key: "connection" });
    vi.advanceTimersByTime(step);
    queue.announce("lost", { key: "connection" });
    vi.advanceTimersByTime(step);
    queue.announce("back", { key: "connection" });
    queue.announce("lost", { key: "other" });
    vi.advanceTimersByTime(2 * step);
    queue.announce("lost", { key: "connection" });
    vi.advanceTimersByTime(step);
    expect(spoken).toEqual(["lost", "back", "lost", "lost"]);
  });

  it("takes back what is no longer true before it was spoken", () => {
    queue.announce("first", { key: "a" });
    queue.announce("lost", { key: "connection" });
    queue.announce("", { key: "connection" });
    vi.advanceTimersByTime(5 * step);
    expect(spoken).toEqual(["first"]);
  });

  it("speaks the same again once it was taken back, as when a button is pressed twice", () => {
    for (let press = 0; press < 2; press++) {
      queue.announce("", { key: "start" });
      queue.announce("refused", { key: "start" });
      vi.advanceTimersByTime(step);
    }
    expect(spoken).toEqual(["refused", "refused"]);
  });

  it("lets what matters now go before what can wait, in order", () => {
    queue.announce("speaking", { key: "a" });
    queue.announce("place", { key: "b" });
    queue.announce("joined", { key: "c", priority: "now" });
    queue.announce("lost", { key: "d", priority: "now" });
    vi.advanceTimersByTime(5 * step);
    expect(spoken).toEqual(["speaking", "joined", "lost", "place"]);
  });

  it("leaves out the oldest that can wait when too many come at once", () => {
    queue.announce("speaking", { key: "x" });
    queue.announce("joined", { key: "now", priority: "now" });
    for (let i = 1; i <= announcementLimit; i++) queue.announce(`message ${i}`, { key: `message:${i}` });
    vi.advanceTimersByTime(10 * step);
    expect(spoken).toEqual(["speaking", "joined", "message 2", "message 3", "message 4"]);
  });

  it("is silent after it was cleared", () => {
    queue.announce("one", { key: "a" });
    queue.announce("two", { key: "b" });
    queue.clear();
    vi.advanceTimersByTime(5 * step);
    expect(spoken).toEqual([]);
    queue.announce("one", { key: "a" });
    vi.advanceTimersByTime(step);
    expect(spoken).toEqual(["one"]);
  });
});
