import { defineConfig } from "@playwright/test";

import base from "./playwright.config.ts";

// Run by `make screenshots`.
export default defineConfig({
  ...base,
  testDir: "screenshots",
  projects: [{ name: "screenshots" }],
});
