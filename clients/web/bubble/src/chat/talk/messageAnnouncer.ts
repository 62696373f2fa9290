/** Timers, so that tests need not wait. */
export interface Timers {
  now(): number;
  setTimeout(callback: () => void, ms: number): number;
  clearTimeout(id: number): void;
}

/** How long what came together is gathered, so that two quick messages are heard as one. */
export const gatherMs = 400;

/** How far announcements are apart at least: messages that come faster are heard together. */
export const apartMs = 4000;

/** How many messages are read out together. Of more, the count and the last one. */
export const readOutLimit = 3;

/** How to say what is heard. */
export interface Wording {
  /** Several messages: how many, and the last one. */
  readonly many: (count: number, last: string) => string;
  /** Says it. */
  readonly say: (text: string) => void;
}

/**
 * Gathers what is to be heard of new messages, so that a screen reader is told of all of them and flooded by none.
 */
export class MessageAnnouncer {
  #waiting: string[] = [];
  #timer: number | undefined;
  #last = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly wording: Wording,
    private readonly timers: Timers,
  ) {}

  /** Takes a message, as "name: text". */
  add(message: string): void {
    this.#waiting.push(message);
    if (this.#timer === undefined) {
      const wait = Math.max(gatherMs, this.#last + apartMs - this.timers.now());
      this.#timer = this.timers.setTimeout(() => this.#say(), wait);
    }
  }

  /** Forgets what was not said yet. */
  clear(): void {
    if (this.#timer !== undefined) {
      this.timers.clearTimeout(this.#timer);
      this.#timer = undefined;
    }
    this.#waiting = [];
  }

  #say(): void {
    this.#timer = undefined;
    this.#last = this.timers.now();
    const messages = this.#waiting;
    this.#waiting = [];
    const last = messages.at(-1);
    if (last !== undefined) {
      this.wording.say(messages.length > readOutLimit ? this.wording.many(messages.length, last) : messages.join("\n"));
    }
  }
}
