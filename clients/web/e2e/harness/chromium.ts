import type { LaunchOptions } from "@playwright/test";

/** How the tests launch Debian's Chromium: no browser is downloaded, and it speaks to nobody but the page's servers. */
export const chromium: LaunchOptions = {
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    // In place of Playwright's own list, which switches off what ordinary people's browsers have: storage that is kept
    // apart by the site around a frame. Everything else in it that makes requests or gets in the way stays off.
    "--disable-features=AvoidUnnecessaryBeforeUnloadCheckSync,DestroyProfileOnBrowserClose,HttpsUpgrades,HttpsFirstBalancedModeAutoEnable,MediaRouter,PaintHolding,OptimizationHints,NetworkTimeServiceQuerying,PreconnectToSearch,Translate",
  ],
};
