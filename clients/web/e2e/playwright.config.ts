import { defineConfig } from "@playwright/test";

import { chromium } from "./harness/chromium.ts";

// Run by `make test-browser`, which builds what is tested and installs Chromium.
export default defineConfig({
  testDir: "tests",
  outputDir: "../../../bin/test-browser",
  fullyParallel: true,
  forbidOnly: true,
  // Each has a browser, a server and a professional: more than two only wait for each other.
  workers: 2,
  retries: 0,
  timeout: 60_000,
  expect: { timeout: 10_000 },
  reporter: [["list"], ["./harness/countReporter.ts"]],
  use: {
    browserName: "chromium",
    launchOptions: chromium,
    actionTimeout: 10_000,
    screenshot: "only-on-failure",
  },
  projects: [
    { name: "chat", testIgnore: /latency/ },
    // Measured when nothing else runs.
    { name: "latency", testMatch: /latency/, dependencies: ["chat"] },
  ],
});
