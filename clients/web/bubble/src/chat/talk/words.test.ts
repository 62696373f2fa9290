import {
  CloseReason,
  CloseReasonSchema,
  LeaveReasonSchema,
  ReturnReasonSchema,
} from "@kupla/contract/kupla/v1/conversation_pb";
import { beforeAll, describe, expect, test } from "vitest";

import { setLanguage } from "../i18n/i18n.js";
import { languages } from "../i18n/languages.js";
import type { People } from "./people.js";
import { closeReasonText, happeningText, leaveReasonText, nameOf, returnReasonText } from "./words.js";

const people: People = { me: "customer", names: new Map([["professional-1", "Kaisa"]]), professionals: [] };

describe.each(languages)("in %s", (language) => {
  beforeAll(async () => {
    await setLanguage(language);
  });

  test("every reason has words of its own", () => {
    const closed = CloseReasonSchema.values.map((value) => closeReasonText(value.number));
    expect(new Set(closed).size).toBe(CloseReasonSchema.values.length);
    const returned = ReturnReasonSchema.values.map((value) => returnReasonText(value.number));
    expect(new Set(returned).size).toBe(ReturnReasonSchema.values.length);
    const left = LeaveReasonSchema.values.map((value) => leaveReasonText(value.number, "Kaisa"));
    // That somebody left of their own will, and that no reason was given, is told alike.
    expect(new Set(left).size).toBe(LeaveReasonSchema.values.length - 1);
    for (const text of [...closed, ...returned, ...left]) {
      expect(text).toMatch(/^\p{Lu}[^{}:]+\.$/u);
    }
    for (const text of left) {
      expect(text).toContain("Kaisa");
    }
  });

  test("a reason of a newer service is told as none", () => {
    expect(closeReasonText(99 as CloseReason)).toBe(closeReasonText(CloseReason.UNSPECIFIED));
  });

  test("every happening is told in whole words", () => {
    const told = [
      happeningText({ type: "started" }, people, () => undefined),
      happeningText({ type: "joined", participantId: "professional-1", invited: false }, people, () => undefined),
      happeningText({ type: "joined", participantId: "professional-9", invited: true }, people, () => undefined),
      happeningText({ type: "transferredToQueue", queueId: "b" }, people, () => "Fysioterapia"),
      happeningText({ type: "transferredToQueue", queueId: "b" }, people, () => undefined),
      happeningText({ type: "transferredToPerson", participantId: "professional-1" }, people, () => undefined),
      happeningText({ type: "closed", reason: CloseReason.NOT_REACHED }, people, () => undefined),
    ];
    expect(new Set(told).size).toBe(told.length);
    for (const text of told) {
      expect(text).not.toMatch(/[{}]|talk:|ended:/u);
    }
    expect(told[1]).toContain("Kaisa");
    expect(told[2]).toContain(nameOf(people, "professional-9"));
    expect(told[3]).toContain("Fysioterapia");
    expect(told[6]).toContain(closeReasonText(CloseReason.NOT_REACHED));
  });
});

test("the languages differ", async () => {
  const texts: string[] = [];
  for (const language of languages) {
    await setLanguage(language);
    texts.push(closeReasonText(CloseReason.COMPLETED));
  }
  expect(new Set(texts).size).toBe(languages.length);
});
