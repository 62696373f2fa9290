import type { Observable } from "./types.js";

/**
 * Holds a state that is built only when somebody asks for it or is to be told: a replay of 500 events changes it 500
 * times and is told once.
 */
export class Store<T> implements Observable<T> {
  #listeners = new Set<(value: T) => void>();
  #value: T | undefined;
  #dirty = true;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #due = 0;
  readonly #build: () => T;

  constructor(build: () => T) {
    this.#build = build;
  }

  get value(): T {
    if (this.#dirty || this.#value === undefined) {
      this.#value = this.#build();
      this.#dirty = false;
    }
    return this.#value;
  }

  subscribe(listener: (value: T) => void): () => void {
    // Wrapped, so that the same function given twice is two subscriptions.
    const own = (value: T) => listener(value);
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  /** Says that the state is another one. The listeners are told after the delay, together with what comes until then. */
  changed(delayMs = 0): void {
    this.#dirty = true;
    const due = performance.now() + delayMs;
    if (this.#timer !== undefined) {
      if (due >= this.#due) return;
      clearTimeout(this.#timer);
    }
    this.#due = due;
    // A timer rather than a microtask: the frames of one read come in microtasks of their own.
    this.#timer = setTimeout(() => this.flush(), delayMs);
  }

  /** Tells the listeners now what they have not been told. */
  flush(): void {
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const { value } = this;
    for (const listener of [...this.#listeners]) {
      try {
        listener(value);
      } catch (error) {
        // One bad listener must not keep the others from being told; the error still reaches the page's own handler.
        report(error);
      }
    }
  }
}

function report(error: unknown): void {
  if (typeof reportError === "function") reportError(error);
  else console.error(error);
}
