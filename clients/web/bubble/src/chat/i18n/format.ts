import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { language, t } from "./i18n.js";

// The service lives in Finnish time wherever the resident's phone thinks it is.
const timeZone = "Europe/Helsinki";

// Swedish as it is written in Finland, and English with 24 hours and the day before the month.
const locales = { fi: "fi-FI", sv: "sv-FI", en: "en-GB" } as const;

/** The locale to format with, in the language of the page. */
export function locale(): string {
  return locales[language.value];
}

function asDate(at: Timestamp | Date): Date {
  return at instanceof Date ? at : timestampDate(at);
}

/** The day of a moment in Finnish time, as "2026-12-24". */
export function dayOf(at: Date): string {
  return days.format(at);
}

// A formatter takes far longer to make than to use, and a long log has thousands of times.
const days = new Intl.DateTimeFormat("en-CA", { timeZone, dateStyle: "short" });
const clocks = new Map<string, Intl.DateTimeFormat>();

/** A time of day, such as "9.30". */
export function clock(at: Timestamp | Date): string {
  const written = locale();
  let format = clocks.get(written);
  if (format === undefined) {
    format = new Intl.DateTimeFormat(written, { timeZone, hour: "numeric", minute: "2-digit", hourCycle: "h23" });
    clocks.set(written, format);
  }
  return format.format(asDate(at));
}

/** A moment as said in a sentence: "klo 9.30" today, "huomenna klo 9.30", and else with the day. */
export function moment(at: Timestamp | Date, now: Date = new Date(), until = false): string {
  const date = asDate(at);
  const time = clock(date);
  if (dayOf(date) === dayOf(now)) return t(until ? "common:time.untilToday" : "common:time.today", { time });
  if (dayOf(date) === dayOf(new Date(now.getTime() + 86_400_000))) return t("common:time.tomorrow", { time });
  // Numbers alone are read in two ways in English.
  const month = language.value === "en" ? "short" : "numeric";
  const name = new Intl.DateTimeFormat(locale(), { timeZone, weekday: "short", day: "numeric", month });
  return t("common:time.otherDay", { day: name.format(date), time });
}

/** A moment as said of what lasts until then: "until 15:00", not "until at 15:00". */
export function untilMoment(at: Timestamp | Date, now?: Date): string {
  return moment(at, now, true);
}

/** A time of the catalogue, which is local already, written as the others: "09:30" is "9.30". */
export function localClock(time: string): string {
  const [hours = "", minutes = ""] = time.split(":");
  return language.value === "en" ? time : `${Number(hours)}.${minutes}`;
}

/** A day, such as "24.12.2026"; in English "24 December 2026", as 3/4 is read in two ways. */
export function date(at: Timestamp | Date): string {
  const month = language.value === "en" ? "long" : "numeric";
  return new Intl.DateTimeFormat(locale(), { timeZone, day: "numeric", month, year: "numeric" }).format(asDate(at));
}

/** A number as it is written in the language of the page. */
export function number(value: number): string {
  return new Intl.NumberFormat(locale()).format(value);
}

/** Things as said in a sentence: "suomi, ruotsi ja englanti". */
export function list(items: readonly string[]): string {
  return new Intl.ListFormat(locale(), { type: "conjunction" }).format(items);
}
