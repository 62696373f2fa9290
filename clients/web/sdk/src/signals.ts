import type { PageSignal, PageSignals } from "./types.js";

/** A change of the page; or "now": there is reason to think that a try would succeed, whatever the page knows. */
export type Signal = PageSignal | "now";

/** What can be a reason to try again. A page is one without "now". */
export interface Signals extends Pick<PageSignals, "online" | "hidden"> {
  /** Calls the listener at each signal. Returns what ends that. */
  subscribe(listener: (signal: Signal) => void): () => void;
}

/** The signals of the page, and "now" when it is said: to all that belongs to one stream or conversation. */
export class TryableSignals implements Signals {
  readonly #page: Signals;
  readonly #listeners = new Set<(signal: Signal) => void>();

  constructor(page: Signals) {
    this.#page = page;
  }

  get online(): boolean {
    return this.#page.online;
  }

  get hidden(): boolean {
    return this.#page.hidden;
  }

  subscribe(listener: (signal: Signal) => void): () => void {
    const unsubscribe = this.#page.subscribe(listener);
    this.#listeners.add(listener);
    return () => {
      unsubscribe();
      this.#listeners.delete(listener);
    };
  }

  /** Ends every pause, and every attempt that may be waiting for nothing. */
  now(): void {
    for (const listener of [...this.#listeners]) listener("now");
  }
}
