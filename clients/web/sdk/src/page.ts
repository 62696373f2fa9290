import type { PageSignal, PageSignals } from "./types.js";

/** Listens to the page that the program runs in. Elsewhere, as in a worker, nothing is ever told. */
export function browserPage(): PageSignals {
  const inPage = typeof document !== "undefined" && typeof window !== "undefined";
  return {
    get online() {
      return typeof navigator === "undefined" || navigator.onLine !== false;
    },
    get hidden() {
      return inPage && document.visibilityState === "hidden";
    },
    subscribe(listener: (signal: PageSignal) => void) {
      if (!inPage) return () => {};
      const stop = new AbortController();
      const options = { signal: stop.signal };
      window.addEventListener("online", () => listener("online"), options);
      window.addEventListener("offline", () => listener("offline"), options);
      window.addEventListener("pageshow", (event) => event.persisted && listener("restored"), options);
      document.addEventListener(
        "visibilitychange",
        () => listener(document.visibilityState === "hidden" ? "hidden" : "shown"),
        options,
      );
      return () => stop.abort();
    },
  };
}
