/** A place as far as it is heard. */
export interface HeardPlace {
  readonly position: number;
  readonly soon: boolean;
  /** Whether it grew because somebody came back. */
  readonly movedBack: boolean;
}

/** What was announced last, and when. */
export interface LastAnnounced {
  readonly position: number;
  readonly soon: boolean;
  /** In milliseconds. */
  readonly time: number;
}

/** What to do about a place now. */
export type PlaceAnnouncement =
  /** Say it. */
  | { readonly when: "now" }
  /** Look again after so many milliseconds: a change must not stay unsaid for ever. */
  | { readonly when: "later"; readonly afterMs: number }
  /** There is nothing new. */
  | { readonly when: "never" };

/** Between announcements of places that are not worth one of their own. */
export const ordinaryGapMs = 30_000;

/** These places are always worth an announcement. */
const milestones: readonly number[] = [5, 3, 2, 1];

/**
 * Decides whether a place is announced. A screen reader must tell how the wait goes without speaking all the time:
 *
 * 1. the first place of a wait is announced;
 * 2. so is the first time that the turn is soon;
 * 3. so is a place that grew because somebody came back;
 * 4. so are places 5, 3, 2 and 1, and a place at most half of the one announced last;
 * 5. every other change is announced at most once in 30 seconds, the newest of them;
 * 6. a place that was announced already is not announced again, whatever else in the estimate changes.
 */
export function placeAnnouncement(place: HeardPlace, last: LastAnnounced | undefined, now: number): PlaceAnnouncement {
  if (last === undefined) return { when: "now" };
  if (place.soon && !last.soon) return { when: "now" };
  if (place.position === last.position) return { when: "never" };
  if (place.movedBack && place.position > last.position) return { when: "now" };
  if (milestones.includes(place.position) || place.position <= last.position / 2) return { when: "now" };
  const afterMs = last.time + ordinaryGapMs - now;
  return afterMs <= 0 ? { when: "now" } : { when: "later", afterMs };
}
