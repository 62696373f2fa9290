import { describe, expect, it } from "vitest";
import type { HeardPlace, LastAnnounced } from "./placeAnnouncements.js";
import { ordinaryGapMs, placeAnnouncement } from "./placeAnnouncements.js";

const at = (position: number, more: Partial<HeardPlace> = {}): HeardPlace => ({
  position,
  soon: false,
  movedBack: false,
  ...more,
});
const last = (position: number, more: Partial<LastAnnounced> = {}): LastAnnounced => ({
  position,
  soon: false,
  time: 1000,
  ...more,
});

describe("placeAnnouncement", () => {
  it("says the first place", () => {
    expect(placeAnnouncement(at(40), undefined, 0)).toEqual({ when: "now" });
  });

  it("does not say a place twice", () => {
    expect(placeAnnouncement(at(7), last(7), 10_000_000)).toEqual({ when: "never" });
    expect(placeAnnouncement(at(1, { soon: true }), last(1, { soon: true }), 10_000_000)).toEqual({ when: "never" });
  });

  it("says at once that the turn is soon, at the same place too", () => {
    expect(placeAnnouncement(at(4, { soon: true }), last(4), 1001)).toEqual({ when: "now" });
  });

  it("does not say that the turn is soon again and again", () => {
    expect(placeAnnouncement(at(9, { soon: true }), last(10, { soon: true }), 2000).when).toBe("later");
  });

  it.each([5, 3, 2, 1])("says place %d at once", (position) => {
    expect(placeAnnouncement(at(position), last(position + 1), 1001)).toEqual({ when: "now" });
  });

  it("says a place that is half of the last one", () => {
    expect(placeAnnouncement(at(20), last(40), 1001)).toEqual({ when: "now" });
    expect(placeAnnouncement(at(21), last(40), 1001).when).toBe("later");
  });

  it("says a place that grew because somebody came back", () => {
    expect(placeAnnouncement(at(8, { movedBack: true }), last(7), 1001)).toEqual({ when: "now" });
  });

  it("leaves 30 seconds between all others, and says the newest then", () => {
    const first = placeAnnouncement(at(39), last(40), 11_000);
    expect(first).toEqual({ when: "later", afterMs: 20_000 });
    expect(placeAnnouncement(at(37), last(40), 1000 + ordinaryGapMs)).toEqual({ when: "now" });
  });

  it("keeps a long wait quiet: 100 places at 4 seconds each", () => {
    let announced: LastAnnounced | undefined;
    const said: number[] = [];
    for (let position = 100, now = 0; position >= 1; position--, now += 4000) {
      if (placeAnnouncement(at(position), announced, now).when === "now") {
        announced = { position, soon: false, time: now };
        said.push(position);
      }
    }
    expect(said[0]).toBe(100);
    expect(said.slice(-4)).toEqual([5, 3, 2, 1]);
    // 400 seconds hold 13 gaps of 30 seconds, and there are the four last places.
    expect(said.length).toBeLessThanOrEqual(1 + 13 + 4);
    expect(said.length).toBeGreaterThan(8);
  });
});
