import { expect, queue, test } from "../harness/test.ts";

test("with the keyboard alone, from the page to the survey", async ({ server, host, nurse, resident }) => {
  const url = host.add("/", {
    html: `<!doctype html><html lang="fi"><head><meta charset="utf-8"><title>Kunta</title>
<script src="${server.origin}/kupla-chat.js" async></script></head>
<body><h1>Kunta</h1><p><a href="#palvelut">Palvelut</a></p><kupla-chat queue="${queue.id}" lang="fi"></kupla-chat></body></html>`,
  });
  const irma = await resident();
  await irma.visit(url);
  const { keyboard } = irma.page;

  /** Tabs on to the first thing with the name; each on the way must be seen to have the focus. */
  const tabTo = async (name: string | RegExp): Promise<string[]> => {
    const way: string[] = [];
    for (let i = 0; i < 40; i++) {
      await keyboard.press("Tab");
      const focus = await irma.focus();
      // Scrolled to where it can be seen in the next frame.
      const seen = () => irma.focus().then(({ visible }) => visible);
      await expect.poll(seen, `the focus is seen on ${focus.name}`).toBe(true);
      way.push(focus.name);
      if (typeof name === "string" ? focus.name === name : name.test(focus.name)) return way;
    }
    throw new Error(`${name} is not reached by Tab: ${way.join(" | ")}`);
  };

  await test.step("the bubble comes after the page's own link, and Enter opens it and goes in", async () => {
    await keyboard.press("Tab");
    expect(await irma.page.evaluate(() => document.activeElement?.textContent)).toBe("Palvelut");
    await keyboard.press("Tab");
    expect(await irma.page.evaluate(() => document.activeElement?.localName)).toBe("kupla-chat");
    await keyboard.press("Enter");
    await irma.chatFrame();
    await expect(irma.heading(queue.fi)).toBeVisible();
  });

  await test.step("the order is that of reading: past the content, the languages, the notice, the fields", async () => {
    const way = await tabTo("Siirry jonoon");
    expect(way).toEqual([
      "Siirry sisältöön",
      "FI Suomi",
      "SV Svenska",
      "EN English",
      "Pienennä chat",
      "112",
      "116117",
      "116117",
      "Nimi tai nimimerkki (ei pakollinen)",
      "Mitä asiasi koskee? (ei pakollinen)",
      "Siirry jonoon",
    ]);
    await keyboard.press("Shift+Tab");
    await keyboard.type("Hei, minulla on kysymys.");
    await keyboard.press("Tab");
    await keyboard.press("Enter");
    await expect(irma.place).toBeVisible();
  });

  await test.step("the place has the focus, so that reading begins there; Tab goes on to what can be done", async () => {
    expect((await irma.focus()).name).toMatch(/Olet seuraavana vuorossa/);
    await tabTo("Poistu jonosta");
    await keyboard.press("Enter");
    await expect(irma.chat.getByRole("dialog", { name: "Haluatko poistua jonosta?" })).toBeVisible();
    // The harmless answer has the focus, and Escape says no.
    expect((await irma.focus()).name).toBe("Jatka odottamista");
    await keyboard.press("Escape");
    await expect(irma.chat.getByRole("dialog")).toHaveCount(0);
    expect((await irma.focus()).name).toBe("Poistu jonosta");
  });

  const talk = await nurse.takeNext();
  await test.step("what is being typed goes on when the turn comes, and Enter sends it", async () => {
    await talk.send("Hei! Kysy vain.");
    await irma.sees("Hei! Kysy vain.");
    await tabTo("Kirjoita viesti");
    await keyboard.type("Milloin saan ajan?");
    await keyboard.press("Shift+Enter");
    await keyboard.type("Kiitos jo nyt.");
    await keyboard.press("Enter");
    await talk.heardText("Milloin saan ajan?\nKiitos jo nyt.");
    expect((await irma.focus()).name).toBe("Kirjoita viesti");
  });

  await test.step("the chat is minimised to the bubble, which has the focus then, and opened again", async () => {
    for (let i = 0; i < 40 && (await irma.focus()).name !== "Pienennä chat"; i++) await keyboard.press("Shift+Tab");
    await keyboard.press("Enter");
    await expect.poll(async () => (await irma.bubble()).expanded).toBe(false);
    expect(await irma.page.evaluate(() => document.activeElement?.localName)).toBe("kupla-chat");
    await keyboard.press("Enter");
    await expect.poll(async () => (await irma.bubble()).expanded).toBe(true);
  });

  await test.step("the end has the focus, and the survey is answered", async () => {
    await talk.close();
    await expect(irma.heading("Keskustelu on päättynyt")).toBeFocused();
    await tabTo("Vastaa kyselyyn");
    await keyboard.press("Enter");
    await expect(irma.heading("Miten meni?")).toBeFocused();
    await tabTo(/^0/);
    // Arrows move within a question, Tab to the next.
    for (let i = 0; i < 9; i++) await keyboard.press("ArrowRight");
    expect((await irma.focus()).name).toBe("9");
    await tabTo(/^1, /);
    await keyboard.press("ArrowLeft");
    await tabTo("Lähetä vastaukset");
    await keyboard.press("Enter");
    await expect(irma.chat.getByText("Kiitos vastauksistasi!").first()).toBeVisible();
  });
});
