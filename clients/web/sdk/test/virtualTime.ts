import { afterEach, beforeEach, vi } from "vitest";

/** Makes the tests of a file run in virtual time. */
export function useVirtualTime(): void {
  beforeEach(() => {
    vi.useFakeTimers({
      now: new Date("2026-03-02T08:00:00Z"),
      // Not setImmediate: the calls in memory take turns of the real loop.
      toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date", "performance"],
    });
  });
  afterEach(() => void vi.useRealTimers());
}

/** Lets happen what happens at once. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 12; i++) {
    await new Promise((resolve) => setImmediate(resolve));
    await vi.advanceTimersByTimeAsync(0);
  }
}

/** Lets time pass. */
export async function pass(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
  await settle();
}

/** Lets time pass while the machine sleeps: no timer fires on time, all that are due fire after it. */
export async function sleep(ms: number): Promise<void> {
  vi.setSystemTime(Date.now() + ms);
  await settle();
}
