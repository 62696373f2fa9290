import { Code } from "@connectrpc/connect";
import { ErrorReason } from "@kupla/contract/kupla/v1/error_pb";
import { KuplaError } from "@kupla/sdk";
import { beforeEach, describe, expect, it } from "vitest";
import { setLanguage } from "../i18n/i18n.js";
import { errorText, errorWords, servedLanguages } from "./errorText.js";

const now = new Date("2026-11-23T18:00:00Z");
const refusal = (code: Code, reason?: string, metadata: Record<string, string> = {}, retryDelayMs?: number) =>
  new KuplaError("for developers", { code, reason, metadata, retryDelayMs });

beforeEach(async () => {
  await setLanguage("fi");
});

describe("errorText", () => {
  it("says when a closed queue opens, and whom to call", () => {
    const error = refusal(Code.FailedPrecondition, "QUEUE_CLOSED", {
      queue_id: "oral-health",
      next_opening_time: "2026-11-24T06:00:00Z",
      phone: "116117",
    });
    expect(errorText(error, now)).toBe(
      "Jono on suljettu. Se aukeaa huomenna klo\u00a08.00. Voit myös soittaa numeroon 116117.",
    );
  });

  it("says when a pause ends, as far as it is known", () => {
    expect(
      errorText(refusal(Code.FailedPrecondition, "QUEUE_PAUSED", { resume_time: "2026-11-23T18:30:00Z" }), now),
    ).toBe("Jono on tauolla, eikä siihen oteta juuri nyt uusia. Se jatkuu klo\u00a020.30.");
    expect(errorText(refusal(Code.FailedPrecondition, "QUEUE_PAUSED"), now)).toBe(
      "Jono on tauolla, eikä siihen oteta juuri nyt uusia.",
    );
  });

  it("says how long to wait when there is too much", () => {
    expect(errorText(refusal(Code.ResourceExhausted, "QUEUE_FULL", { phone: "116117" }, 60_000), now)).toBe(
      "Jono on juuri nyt täynnä. Yritä uudelleen minuutin kuluttua. Voit myös soittaa numeroon 116117.",
    );
  });

  it("names the languages that are served", async () => {
    const error = refusal(Code.InvalidArgument, "LANGUAGE_NOT_SERVED", { language: "sv", languages: "fi, en" });
    expect(servedLanguages(error)).toEqual(["fi", "en"]);
    expect(errorText(error)).toContain("Palvelemme suomeksi ja englanniksi.");
    await setLanguage("sv");
    expect(errorText(error)).toContain("Vi betjänar på finska och engelska.");
  });

  it("gives the number to tell when something is broken", () => {
    expect(errorText(refusal(Code.Internal, "INTERNAL", { incident_id: "7f3a" }))).toContain("7f3a");
  });

  it("never shows what is meant for developers, whatever comes", async () => {
    const reasons = Object.values(ErrorReason).filter((name): name is string => typeof name === "string");
    expect(reasons.length).toBeGreaterThan(40);
    for (const language of ["fi", "sv", "en"] as const) {
      await setLanguage(language);
      for (const reason of [...reasons, "SOMETHING_NEW", undefined]) {
        for (const code of [Code.FailedPrecondition, Code.Unavailable, Code.Unauthenticated, Code.ResourceExhausted]) {
          const text = errorText(refusal(code, reason));
          expect(text).toMatch(/\.$/);
          expect(text).not.toMatch(/developers|[A-Z]{3}_|errors:|\{\{|undefined/);
        }
      }
    }
  });

  it("says when to try again where the service has too much to do", () => {
    expect(errorText(refusal(Code.ResourceExhausted, "OVERLOADED", {}, 10_000))).toBe(
      "Palvelu on juuri nyt ruuhkainen. Yritä uudelleen 10\u00a0sekunnin kuluttua.",
    );
  });

  it("goes by the code where the reason is new", () => {
    expect(errorWords(refusal(Code.Unavailable)).problem).toContain("ei saatu yhteyttä");
    expect(errorWords(refusal(Code.ResourceExhausted, "NEW")).problem).toContain("ruuhkainen");
    expect(errorWords(refusal(Code.Aborted, "NEW")).problem).toContain("Jokin meni vikaan");
  });
});
