import type { Frame } from "@playwright/test";

import { expect, queue, test } from "../harness/test.ts";

// The chat in the sizes and ways that people have their devices in.

/** What sticks out of the window to the side, if anything. */
function sticksOut(frame: Frame): Promise<string[]> {
  return frame.evaluate(() => {
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= width) return [];
    return [...document.querySelectorAll("body *")]
      .filter((element) => element.getBoundingClientRect().right > width + 1)
      .map((element) => `${element.tagName}.${element.className}`);
  });
}

for (const [what, viewport] of [
  ["320 px wide", { width: 320, height: 640 }],
  // 400 % of a window of 1280×1024, as WCAG counts.
  ["zoomed to 400 %", { width: 320, height: 256 }],
  ["very wide", { width: 2560, height: 1440 }],
] as const) {
  test(`${what}, everything can be read and pressed without scrolling sideways`, async ({ nurse, resident }) => {
    const veikko = await resident({ viewport });
    await veikko.visitChat("lang=fi");
    await expect(veikko.heading("Mistä haluat keskustella?")).toBeVisible();
    expect(await sticksOut(veikko.chat), "the queues").toEqual([]);
    await veikko.choose(queue.fi);
    await expect(veikko.button("Siirry jonoon")).toBeVisible();
    expect(await sticksOut(veikko.chat), "the start").toEqual([]);
    await veikko.start({ name: "Veikko", message: "Hei!" });
    await expect(veikko.place).toBeVisible();
    expect(await sticksOut(veikko.chat), "the wait").toEqual([]);
    const talk = await nurse.takeNext();
    const long = "lääkkeettömän".repeat(20);
    await talk.send(`${long} https://www.example.fi/${"polku/".repeat(30)}`);
    await expect(veikko.messages.getByText(long)).toBeVisible();
    await veikko.write("Epäjärjestelmällistyttämättömyydellänsäkäänköhän");
    await talk.heardText("Epäjärjestelmällistyttämättömyydellänsäkäänköhän");
    expect(await sticksOut(veikko.chat), "the talk").toEqual([]);
    await veikko.press(veikko.button(/^Lopeta/));
    await expect(veikko.chat.getByRole("dialog")).toBeVisible();
    expect(await sticksOut(veikko.chat), "the question before the end").toEqual([]);
    await veikko.press(veikko.chat.getByRole("dialog").getByRole("button").first());
    await talk.close();
    await veikko.press(veikko.button("Vastaa kyselyyn"));
    await expect(veikko.button("Lähetä vastaukset")).toBeVisible();
    expect(await sticksOut(veikko.chat), "the survey").toEqual([]);
  });
}

test("what is pressed is large enough for a finger", async ({ nurse, resident }) => {
  const veikko = await resident({ device: "phone" });
  const small = () =>
    veikko.chat.evaluate(() =>
      [...document.querySelectorAll<HTMLElement>("button, a[href], input, textarea, select, label:has(input)")]
        .filter((element) => element.checkVisibility() && !element.matches(".visually-hidden, .skip"))
        // A link within a sentence is as large as its words.
        .filter((element) => !(element.tagName === "A" && getComputedStyle(element).display === "inline"))
        .map((element) => ({ element: element.outerHTML.slice(0, 80), box: element.getBoundingClientRect() }))
        .filter(({ box }) => box.width < 24 || box.height < 24)
        .map(({ element }) => element),
    );
  await veikko.visitChat("lang=fi");
  await expect(veikko.heading("Mistä haluat keskustella?")).toBeVisible();
  expect(await small()).toEqual([]);
  await veikko.choose(queue.fi);
  await expect(veikko.button("Siirry jonoon")).toBeVisible();
  expect(await small()).toEqual([]);
  await veikko.start();
  await expect(veikko.place).toBeVisible();
  expect(await small()).toEqual([]);
  const talk = await nurse.takeNext();
  await expect(veikko.screen("talk")).toBeVisible();
  expect(await small()).toEqual([]);
  await talk.close();
  await veikko.press(veikko.button("Vastaa kyselyyn"));
  await expect(veikko.button("Lähetä vastaukset")).toBeVisible();
  expect(await small()).toEqual([]);
});

test("on paper there is the talk, whole, and nothing that is pressed", async ({ nurse, resident }) => {
  const veikko = await resident();
  await veikko.wait(queue.id, { name: "Veikko", message: "Ensimmäinen" });
  const talk = await nurse.takeNext();
  for (let i = 1; i <= 30; i++) await talk.send(`Rivi ${i}`);
  await veikko.sees("Rivi 30");
  await talk.close();
  await expect(veikko.heading("Keskustelu on päättynyt")).toBeVisible();
  await veikko.page.emulateMedia({ media: "print" });
  for (const text of ["Ensimmäinen", "Rivi 1", "Rivi 15", "Rivi 30"]) {
    await expect(veikko.chat.getByText(text, { exact: true })).toBeVisible();
  }
  await expect(veikko.chat.getByText("Sairaanhoitaja Kaisa Kuvitteellinen").first()).toBeVisible();
  const pressed = veikko.chat.getByRole("button").or(veikko.chat.getByRole("textbox"));
  await expect(pressed.filter({ visible: true })).toHaveCount(0);
  // Nothing is cut off by a box that scrolls: the last line lies within the page.
  const cut = await veikko.chat.evaluate(() =>
    [...document.querySelectorAll("body *")]
      .filter((element) => element.checkVisibility() && element.scrollHeight > element.clientHeight + 1)
      .filter((element) => ["auto", "scroll", "hidden"].includes(getComputedStyle(element).overflowY))
      .filter((element) => !element.closest(".visually-hidden"))
      .map((element) => element.className),
  );
  expect(cut).toEqual([]);
});

test("who asked for less motion gets none", async ({ nurse, resident }) => {
  const veikko = await resident({ reducedMotion: "reduce" });
  const moving = () =>
    veikko.chat.evaluate(() =>
      document
        .getAnimations()
        .filter(({ playState }) => playState === "running")
        .map(({ effect }) => effect?.getComputedTiming())
        .filter((timing) => Number(timing?.activeDuration) > 1 || timing?.iterations === Number.POSITIVE_INFINITY)
        .map((timing) => JSON.stringify(timing)),
    );
  await veikko.wait(queue.id);
  expect(await moving()).toEqual([]);
  const talk = await nurse.takeNext();
  await talk.type();
  await expect(veikko.chat.getByText("kirjoittaa…").first()).toBeVisible();
  expect(await moving()).toEqual([]);
});
