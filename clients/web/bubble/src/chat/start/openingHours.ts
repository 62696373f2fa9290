import type { HoursSpan, OpeningHours } from "@kupla/contract/kupla/v1/queue_pb";
import { DayOfWeek, Eve } from "@kupla/contract/kupla/v1/queue_pb";
import type { TextKey } from "../i18n/texts.js";

/** The days of a week, in order. */
export const weekdays = [
  DayOfWeek.MONDAY,
  DayOfWeek.TUESDAY,
  DayOfWeek.WEDNESDAY,
  DayOfWeek.THURSDAY,
  DayOfWeek.FRIDAY,
  DayOfWeek.SATURDAY,
  DayOfWeek.SUNDAY,
] as const;

/** One row of a week: days next to each other with the same hours. */
export interface WeekRow {
  readonly first: DayOfWeek;
  readonly last: DayOfWeek;
  readonly spans: readonly HoursSpan[];
}

/** The week in as few rows as it takes: "Monday to Thursday 8–15". */
export function weekRows(hours: OpeningHours): WeekRow[] {
  const rows: WeekRow[] = [];
  for (const day of weekdays) {
    const spans = hours.weekly.find((entry) => entry.day === day)?.spans ?? [];
    const row = rows.at(-1);
    if (row !== undefined && sameSpans(row.spans, spans)) rows[rows.length - 1] = { ...row, last: day };
    else rows.push({ first: day, last: day, spans });
  }
  return rows;
}

function sameSpans(a: readonly HoursSpan[], b: readonly HoursSpan[]): boolean {
  return a.length === b.length && a.every(({ start, end }, i) => start === b[i]?.start && end === b[i]?.end);
}

/** Whether spans are a whole day. */
export function isWholeDay(spans: readonly HoursSpan[]): boolean {
  return spans.length === 1 && spans[0]?.start === "00:00" && spans[0].end === "24:00";
}

/** The exceptions that are not over yet, soonest first. Days are compared as text: "YYYY-MM-DD" is in order. */
export function comingExceptions(hours: OpeningHours, today: string): OpeningHours["exceptions"] {
  return hours.exceptions
    .filter(({ firstDate, lastDate }) => (lastDate || firstDate) >= today)
    .sort((a, b) => (a.firstDate < b.firstDate ? -1 : 1));
}

/** The name of an eve. */
export function eveKey(eve: Eve): TextKey | undefined {
  switch (eve) {
    case Eve.NEW_YEARS_EVE:
      return "start:hours.eves.newYear";
    case Eve.EPIPHANY_EVE:
      return "start:hours.eves.epiphany";
    case Eve.MAUNDY_THURSDAY:
      return "start:hours.eves.maundyThursday";
    case Eve.HOLY_SATURDAY:
      return "start:hours.eves.holySaturday";
    case Eve.MAY_DAY_EVE:
      return "start:hours.eves.mayDay";
    case Eve.MIDSUMMER_EVE:
      return "start:hours.eves.midsummer";
    case Eve.CHRISTMAS_EVE:
      return "start:hours.eves.christmas";
    default:
      return undefined;
  }
}
