import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { test as base, type BrowserContextOptions, chromium as chromiumType, expect } from "@playwright/test";

import { recordAnnouncements } from "./announcements.ts";
import { chromium } from "./chromium.ts";
import { shiftClock } from "./clock.ts";
import { CutProxy } from "./cutProxy.ts";
import { Guard } from "./guard.ts";
import { HostSite } from "./hostSite.ts";
import { KuplaServer } from "./kuplaServer.ts";
import { devices, Resident } from "./resident.ts";
import { type Desk, Stage } from "./stage.ts";

export { expect };

/** How a resident's browser is. */
export interface ResidentOptions extends BrowserContextOptions {
  device?: keyof typeof devices;
  /** By how much the browser's clock differs from the machine's, in milliseconds, as the server's may. */
  offset?: number;
  /** The service as the browser is to know it: the server itself, unless a proxy stands between. */
  service?: string;
}

/** What every test can ask for. Each has a server, a database and browsers of its own. */
export interface Fixtures {
  /** The server's configuration file, as YAML. Set it with test.use. */
  settings: string;
  /** The time for the server at its start, instead of the machine's, so that it can be moved on. */
  time: Date | undefined;
  server: KuplaServer;
  /** The network that stands between a browser and the server, in tests that break it. */
  network: CutProxy;
  /** A web site that is not the service's. */
  host: HostSite;
  guard: Guard;
  stage: Stage;
  /** A nurse of the helpline, available. */
  nurse: Desk;
  /** Who may change the catalogue. */
  admin: Desk;
  /** Who may pause queues. */
  supervisor: Desk;
  /** Gives a resident a whole browser of their own, with the profile's preferences as Chromium keeps them. */
  browserWith: (preferences: Record<string, unknown>) => Promise<Resident>;
  /** Gives a resident a browser. */
  resident: (options?: ResidentOptions) => Promise<Resident>;
}

/** The queue that is open day and night in the demonstration, and its Finnish name. */
export const queue = { id: "emergency-help", fi: "Päivystysapu 116117" } as const;

/** What to change in a queue so that it is open whenever the tests run. */
export const dayAndNight = {
  openingHours: {
    weekly: ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"].map((day) => ({
      day: `DAY_OF_WEEK_${day}`,
      spans: [{ start: "00:00", end: "24:00" }],
    })),
    openOnHolidays: true,
  },
};

export const test = base.extend<Fixtures>({
  settings: ["", { option: true }],
  time: [undefined, { option: true }],
  server: async ({ settings, time }, use, testInfo) => {
    const server = await KuplaServer.create(settings, time);
    await use(server);
    if (testInfo.status !== testInfo.expectedStatus) {
      await testInfo.attach("kuplad", { body: server.said(), contentType: "text/plain" });
    }
    await server.remove();
  },
  network: async ({ server }, use) => {
    const proxy = await CutProxy.create(server.origin);
    await use(proxy);
    await proxy.close();
  },
  host: async ({}, use) => {
    const host = await HostSite.create();
    await use(host);
    await host.close();
  },
  // In every test, also in those that do not name it: what it finds fails them.
  guard: [
    async ({}, use) => {
      // Every origin of a test is on this machine; nobody else is asked for anything.
      const guard = new Guard((origin) => ["127.0.0.1", "localhost"].includes(new URL(origin).hostname));
      await use(guard);
      expect(guard.findings, "requests to others, violated policies, errors").toEqual([]);
    },
    { auto: true },
  ],
  stage: async ({ server }, use) => {
    const stage = new Stage(server.origin);
    await use(stage);
    await stage.close();
  },
  nurse: async ({ server, stage }, use) => {
    const nurse = await stage.open("Kaisa", server.token("Kaisa"));
    await nurse.available();
    await use(nurse);
  },
  admin: async ({ server, stage }, use) => {
    await use(await stage.open("Aatu", server.token("Aatu"), true));
  },
  supervisor: async ({ server, stage }, use) => {
    await use(await stage.open("Eeva", server.token("Eeva")));
  },
  browserWith: async ({ server, guard }, use) => {
    const closing: (() => Promise<void>)[] = [];
    await use(async (preferences) => {
      const folder = await mkdtemp(join(tmpdir(), "kupla-profile-"));
      await mkdir(join(folder, "Default"));
      await writeFile(join(folder, "Default", "Preferences"), JSON.stringify({ profile: preferences }));
      const context = await chromiumType.launchPersistentContext(folder, { ...chromium, locale: "fi-FI" });
      closing.push(async () => {
        await context.close();
        await rm(folder, { recursive: true, force: true });
      });
      await guard.watch(context);
      return new Resident(context, context.pages()[0] ?? (await context.newPage()), server.origin, false);
    });
    for (const close of closing) await close();
  },
  resident: async ({ browser, server, guard }, use) => {
    const residents: Resident[] = [];
    await use(async ({ device = "desktop", service = server.origin, offset = 0, ...options } = {}) => {
      const context = await browser.newContext({
        locale: "fi-FI",
        timezoneId: "Europe/Helsinki",
        ...devices[device],
        ...options,
      });
      await guard.watch(context);
      await recordAnnouncements(context);
      if (offset !== 0) await shiftClock(context, offset);
      const resident = new Resident(context, await context.newPage(), service, device === "phone");
      residents.push(resident);
      return resident;
    });
    for (const resident of residents) await resident.context.close();
  },
});
