/** Timers, so that tests need not wait. */
export interface Clock {
  setTimeout(callback: () => void, ms: number): number;
  clearTimeout(id: number): void;
}

/** How an announcement is treated. */
export interface AnnounceOptions {
  /** What it is about. A newer one about the same takes the place of one that was not spoken yet. */
  readonly key: string;
  /** "soon" (the default) waits its turn; "now" is spoken before all that wait. It never interrupts: polite still. */
  readonly priority?: "soon" | "now";
}

/** How long an announcement stands before the next: what follows faster is swallowed by some screen readers. */
export const announcementGapMs = 1500;

/** How long the region is empty in between, so that the same text is heard as a new one. */
export const announcementPauseMs = 100;

/** How many may wait. When more come, the oldest that can wait is left out: old news only floods. */
export const announcementLimit = 4;

interface Announcement {
  readonly text: string;
  readonly key: string;
  readonly priority: "soon" | "now";
}

/**
 * Puts announcements one after the other: never two at once, the newest of each kind only, and the same text about
 * the same thing not twice in a row.
 */
export class AnnouncementQueue {
  #waiting: Announcement[] = [];
  #last = new Map<string, string>();
  #timer: number | undefined;

  constructor(
    private readonly speak: (text: string) => void,
    private readonly timers: Clock,
  ) {}

  /**
   * Speaks a text when its turn comes. An empty one takes back what was not spoken yet about the same, and lets what was
   * spoken be spoken again.
   */
  announce(text: string, { key, priority = "soon" }: AnnounceOptions): void {
    this.#waiting = this.#waiting.filter((other) => other.key !== key);
    if (text === "") this.#last.delete(key);
    if (text === "" || this.#last.get(key) === text) return;
    if (priority === "now") {
      const urgent = this.#waiting.filter((other) => other.priority === "now").length;
      this.#waiting.splice(urgent, 0, { text, key, priority });
    } else {
      this.#waiting.push({ text, key, priority });
    }
    while (this.#waiting.length > announcementLimit) {
      const old = this.#waiting.findIndex((other) => other.priority === "soon");
      this.#waiting.splice(Math.max(old, 0), 1);
    }
    if (this.#timer === undefined) this.#next();
  }

  /** Drops all that waits. */
  clear(): void {
    if (this.#timer !== undefined) this.timers.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#waiting = [];
    this.#last.clear();
    this.speak("");
  }

  #next(): void {
    const next = this.#waiting.shift();
    if (next === undefined) {
      this.#timer = undefined;
      return;
    }
    this.#last.set(next.key, next.text);
    this.speak("");
    this.#timer = this.timers.setTimeout(() => {
      this.speak(next.text);
      this.#timer = this.timers.setTimeout(() => this.#next(), announcementGapMs);
    }, announcementPauseMs);
  }
}
