import type { DayOfWeek, HoursSpan, OpeningHours } from "@kupla/contract/kupla/v1/queue_pb";
import { dayOf, date, localClock, locale } from "../i18n/format.js";
import { localized, t } from "../i18n/i18n.js";
import { Icon } from "../ui/Icon.js";
import { comingExceptions, eveKey, isWholeDay, weekRows } from "./openingHours.js";

/** When a queue is open: the week, eves and exceptions. */
export function Hours({ hours }: { hours: OpeningHours }) {
  const exceptions = comingExceptions(hours, dayOf(new Date()));
  return (
    <details class="details">
      <summary class="details__summary">
        <Icon name="clock" />
        <span>{t("start:hours.title")}</span>
        <Icon name="chevronDown" class="details__arrow" />
      </summary>
      <div class="details__body">
        <table class="hours">
          <caption class="visually-hidden">{t("start:hours.caption")}</caption>
          <thead class="visually-hidden">
            <tr>
              <th scope="col">{t("start:hours.day")}</th>
              <th scope="col">{t("start:hours.time")}</th>
            </tr>
          </thead>
          <tbody>
            {weekRows(hours).map(({ first, last, spans }) => (
              <tr key={first}>
                <th scope="row">{first === last ? dayName(first) : `${dayName(first)}–${dayName(last)}`}</th>
                <td>{spansText(spans)}</td>
              </tr>
            ))}
            {hours.eves.map(({ eve, spans }) => {
              const key = eveKey(eve);
              return key === undefined ? null : (
                <tr key={`eve${eve}`}>
                  <th scope="row">{t(key)}</th>
                  <td>{spansText(spans)}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
        <p class="muted">{t(hours.openOnHolidays ? "start:hours.openOnHolidays" : "start:hours.holidays")}</p>
        {exceptions.length > 0 && (
          <>
            <h3>{t("start:hours.exceptions")}</h3>
            <ul class="hours__exceptions">
              {exceptions.map((exception) => (
                <li key={exception.firstDate}>
                  {datesText(exception.firstDate, exception.lastDate)}: {spansText(exception.spans)}
                  {exception.description !== undefined && ` (${localized(exception.description)})`}
                </li>
              ))}
            </ul>
          </>
        )}
      </div>
    </details>
  );
}

/** 1 January 2024 was a Monday; noon keeps it so in every zone. */
function dayName(day: DayOfWeek): string {
  return new Intl.DateTimeFormat(locale(), { weekday: "long", timeZone: "UTC" }).format(Date.UTC(2024, 0, day, 12));
}

function spansText(spans: readonly HoursSpan[]): string {
  if (spans.length === 0) return t("start:hours.closed");
  if (isWholeDay(spans)) return t("start:hours.allDay");
  return spans.map(({ start, end }) => `${localClock(start)}–${localClock(end)}`).join(", ");
}

function datesText(first: string, last: string): string {
  const from = date(new Date(`${first}T12:00:00Z`));
  return last === "" || last === first ? from : `${from}–${date(new Date(`${last}T12:00:00Z`))}`;
}
