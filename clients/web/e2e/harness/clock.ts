import type { BrowserContext } from "@playwright/test";

/** Makes it another time in the pages of a browser, by so many milliseconds. Timers and animations go on as they do. */
export async function shiftClock(context: BrowserContext, offset: number): Promise<void> {
  await context.addInitScript((milliseconds) => {
    const Machine = Date;
    window.Date = class extends Machine {
      constructor(...parts: []) {
        if (parts.length === 0) super(Machine.now() + milliseconds);
        else super(...parts);
      }

      static override now(): number {
        return Machine.now() + milliseconds;
      }
    } as DateConstructor;
  }, offset);
}
