import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { QueueStatus } from "@kupla/contract/kupla/v1/queue_pb";
import { type DayOfWeek, QueueSchema, QueueState, QueueStatusSchema } from "@kupla/contract/kupla/v1/queue_pb";
import { beforeEach, describe, expect, it } from "vitest";
import { setLanguage } from "../i18n/i18n.js";
import { queueView } from "./queueStatus.js";
import { statusText, waitingText } from "./queueStatusText.js";

// A Monday, 10.00 in Helsinki.
const now = new Date("2026-11-23T08:00:00Z");
const time = (iso: string) => timestampFromDate(new Date(iso));
const status = (init: Parameters<typeof create<typeof QueueStatusSchema>>[1]): QueueStatus =>
  create(QueueStatusSchema, init);
const text = (init: Parameters<typeof create<typeof QueueStatusSchema>>[1]) =>
  statusText(queueView(create(QueueSchema), status(init)), now);

const wholeWeek = create(QueueSchema, {
  openingHours: {
    weekly: [1, 2, 3, 4, 5, 6, 7].map((day) => ({ day: day as DayOfWeek, spans: [{ start: "00:00", end: "24:00" }] })),
  },
});

beforeEach(async () => {
  await setLanguage("fi");
});

describe("statusText", () => {
  it("tells until when an open queue is open", () => {
    expect(text({ state: QueueState.OPEN, changeTime: time("2026-11-23T13:00:00Z") })).toBe(
      "Avoinna klo\u00a015.00 asti",
    );
    expect(text({ state: QueueState.OPEN })).toBe("Avoinna");
  });

  it("tells that one never closes only of one that does not", () => {
    expect(statusText(queueView(wholeWeek, status({ state: QueueState.OPEN })), now)).toBe(
      "Avoinna ympäri vuorokauden",
    );
    const closing = status({ state: QueueState.OPEN, changeTime: time("2026-11-23T13:00:00Z") });
    expect(statusText(queueView(wholeWeek, closing), now)).toBe("Avoinna klo\u00a015.00 asti");
  });

  it("tells when a closed queue opens: today, tomorrow, another day", () => {
    const opens = (iso: string) => text({ state: QueueState.CLOSED, changeTime: time(iso) });
    expect(opens("2026-11-23T10:00:00Z")).toBe("Suljettu, aukeaa klo\u00a012.00");
    expect(opens("2026-11-24T06:00:00Z")).toBe("Suljettu, aukeaa huomenna klo\u00a08.00");
    expect(opens("2026-11-27T06:00:00Z")).toBe("Suljettu, aukeaa pe 27.11. klo\u00a08.00");
    expect(text({ state: QueueState.CLOSED })).toBe("Suljettu");
  });

  it("goes by Finnish time around midnight, summer time too", () => {
    // 23.30 in Helsinki on Monday is 21.30 in Greenwich; midnight comes first in Helsinki.
    const late = new Date("2026-11-23T21:30:00Z");
    const opens = status({ state: QueueState.CLOSED, changeTime: time("2026-11-23T22:30:00Z") });
    expect(statusText(queueView(create(QueueSchema), opens), late)).toBe("Suljettu, aukeaa huomenna klo\u00a00.30");
    const summer = status({ state: QueueState.CLOSED, changeTime: time("2026-07-01T05:00:00Z") });
    expect(statusText(queueView(create(QueueSchema), summer), new Date("2026-07-01T03:00:00Z"))).toBe(
      "Suljettu, aukeaa klo\u00a08.00",
    );
  });

  it("tells of breaks and full queues", () => {
    expect(text({ state: QueueState.PAUSED, changeTime: time("2026-11-23T10:00:00Z") })).toBe(
      "Tauolla, jatkuu klo\u00a012.00",
    );
    expect(text({ state: QueueState.PAUSED })).toBe("Tauolla");
    expect(text({ state: QueueState.OPEN, full: true })).toBe("Jono on täynnä juuri nyt");
  });

  it("does not guess states that it does not know", () => {
    expect(text({ state: 42 as QueueState })).toBe("Tilanne ei ole tiedossa");
  });
});

describe("queueView", () => {
  it("lets only open queues be started in", () => {
    const canStart = (init: Parameters<typeof status>[0]) => queueView(undefined, status(init)).canStart;
    expect(canStart({ state: QueueState.OPEN })).toBe(true);
    expect(canStart({ state: QueueState.OPEN, full: true })).toBe(false);
    expect(canStart({ state: QueueState.PAUSED })).toBe(false);
    expect(canStart({ state: QueueState.CLOSED })).toBe(false);
    expect(queueView(undefined, undefined).canStart).toBe(false);
  });
});

describe("waitingText", () => {
  const of = (init: Parameters<typeof status>[0]) => waitingText(queueView(undefined, status(init)));

  it("tells how many wait", () => {
    expect(of({ state: QueueState.OPEN, waitingCount: 0 })).toBe("Ei jonoa");
    expect(of({ state: QueueState.OPEN, waitingCount: 1 })).toBe("1 odottaa");
    expect(of({ state: QueueState.OPEN, waitingCount: 12 })).toBe("12 odottaa");
  });

  it("says nothing of an empty closed queue, and tells of those still served after closing", () => {
    expect(of({ state: QueueState.CLOSED, waitingCount: 0 })).toBeUndefined();
    expect(of({ state: QueueState.CLOSED, waitingCount: 2 })).toBe("2 odottaa");
  });
});
