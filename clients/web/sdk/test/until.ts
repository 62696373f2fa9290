import type { Observable } from "../src/index.js";

/** Waits until a state is as wanted, and returns it. Fails with the last state when that takes too long. */
export function until<T>(observable: Observable<T>, wanted: (state: T) => boolean, timeoutMs = 20_000): Promise<T> {
  return new Promise((resolve, reject) => {
    const { stack } = new Error("never became what was waited for");
    if (wanted(observable.value)) return resolve(observable.value);
    const timer = setTimeout(() => {
      unsubscribe();
      const text = JSON.stringify(observable.value, (_, value: unknown) =>
        typeof value === "bigint" ? String(value) : value,
      );
      reject(new Error(`waited too long; the state is ${text.slice(0, 2000)}\n${stack}`));
    }, timeoutMs);
    const unsubscribe = observable.subscribe((state) => {
      if (!wanted(state)) return;
      clearTimeout(timer);
      unsubscribe();
      resolve(state);
    });
  });
}
