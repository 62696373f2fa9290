import type { PageSignal, PageSignals } from "../src/index.js";

/** A page whose signals the test gives. */
export class FakePage implements PageSignals {
  online = true;
  hidden = false;
  readonly #listeners = new Set<(signal: PageSignal) => void>();

  subscribe(listener: (signal: PageSignal) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** How many listen. */
  get listeners(): number {
    return this.#listeners.size;
  }

  signal(signal: PageSignal): void {
    if (signal === "online" || signal === "offline") this.online = signal === "online";
    if (signal === "shown" || signal === "hidden") this.hidden = signal === "hidden";
    for (const listener of [...this.#listeners]) listener(signal);
  }
}
