import { mkdir } from "node:fs/promises";

import type { Page } from "@playwright/test";
import sharp from "sharp";

import { root } from "../harness/programs.ts";

const folder = `${root}docs/screenshots`;

/** Writes what a page looks like now into docs/screenshots. Nothing moves and no cursor blinks in it. */
export async function picture(page: Page, name: string): Promise<void> {
  // Whatever was pressed last is not in the picture's way.
  await page.mouse.move(0, 0);
  // The shade that Chromium lays over what was tapped fades by itself, and is no animation of the page's.
  await page.waitForTimeout(400);
  const png = await page.screenshot({ animations: "disabled", caret: "hide", scale: "device" });
  await mkdir(folder, { recursive: true });
  // Pages have few colours, so a palette loses next to nothing and makes the file a fraction of the size.
  await sharp(png).png({ palette: true, dither: 0, effort: 10 }).toFile(`${folder}/${name}.png`);
}
