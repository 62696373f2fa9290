import { readFile } from "node:fs/promises";

import { expect, queue, test } from "../harness/test.ts";

// The whole of it, as two residents of a county live it: one with a small phone, one at a desk. What they read stands
// here word for word.
test("two residents chat with a nurse from the county's page, in Finnish", async ({ server, nurse, resident }) => {
  const aino = await resident({ device: "desktop" });
  const pentti = await resident({ device: "phone" });

  await test.step("Aino opens the bubble at her desk and goes into the queue", async () => {
    await aino.visit(server.origin);
    expect(await aino.bubble()).toMatchObject({ name: "Kysy chatissa", expanded: false, shadow: "closed" });
    await aino.openBubble();
    await expect(aino.heading("Mistä haluat keskustella?")).toBeVisible();
    await aino.choose(queue.fi);
    await aino.start({ name: "Aino" });
    await expect(aino.chat.getByText("Olet seuraavana vuorossa").first()).toBeVisible();
  });

  await test.step("Pentti opens it on his phone, reads the notice, and writes what it is about", async () => {
    await pentti.visit(server.origin);
    await pentti.openBubble();
    await pentti.choose(queue.fi);
    await expect(pentti.heading(queue.fi)).toBeVisible();
    await expect(pentti.chat.getByText("Hätätilanteessa soita heti 112.")).toBeVisible();
    await expect(pentti.chat.getByRole("link", { name: /116117/ }).first()).toHaveAttribute("href", "tel:116117");
    await pentti.start({ name: "Pentti", message: "Hei, punkki puri jalkaan." });
  });

  await test.step("he sees his place, and what is known of the wait", async () => {
    await expect(pentti.chat.getByText("Olet jonossa sijalla 2").first()).toBeVisible();
    await expect(
      pentti.chat.getByText("Odotusaikaa ei voi vielä arvioida: keskusteluja on ollut liian vähän."),
    ).toBeVisible();
    await expect(pentti.chat.getByText("Voit jo kirjoittaa.", { exact: false })).toBeVisible();
  });

  const ainos = await nurse.takeNext();
  await test.step("the nurse takes Aino, and Pentti is next", async () => {
    await expect(aino.chat.getByText("Sinulle vastaa: Sairaanhoitaja Kaisa Kuvitteellinen")).toBeVisible();
    await expect(pentti.chat.getByText("Olet seuraavana vuorossa").first()).toBeVisible();
    await ainos.send("Hei Aino! Miten voin auttaa?");
    await aino.sees("Hei Aino! Miten voin auttaa?");
    await aino.write("Sain jo vastauksen sivuiltanne, kiitos.");
    await ainos.heardText("Sain jo vastauksen sivuiltanne, kiitos.");
    await ainos.close();
    await expect(aino.heading("Keskustelu on päättynyt")).toBeVisible();
    await expect(aino.chat.getByText("Asiasi on hoidettu.").first()).toBeVisible();
  });

  const talk = await nurse.takeNext();
  await test.step("then Pentti, who sees who answers and that she is typing", async () => {
    await expect(pentti.chat.getByText("Sinulle vastaa: Sairaanhoitaja Kaisa Kuvitteellinen")).toBeVisible();
    await pentti.sees("Hei, punkki puri jalkaan.");
    await talk.type();
    await expect(pentti.chat.getByText("Sairaanhoitaja Kaisa Kuvitteellinen kirjoittaa…").first()).toBeVisible();
    const { sequence } = await talk.send("Hei Pentti! Milloin se puri?");
    await pentti.sees("Hei Pentti! Milloin se puri?");
    await talk.heardRead(sequence);
  });

  await test.step("the nurse sees him typing, and he sees that she has read it", async () => {
    await pentti.composer.pressSequentially("Eilen ill");
    await talk.heardTyping();
    await pentti.write("Eilen illalla. Iholla on punainen läiskä.");
    const { value } = await talk.heardText("Eilen illalla. Iholla on punainen läiskä.");
    await expect(pentti.chat.getByText("Luettu")).toHaveCount(0);
    await talk.markRead(value?.sequence ?? 0);
    await expect(pentti.chat.getByText("Luettu")).toBeVisible();
  });

  await test.step("an identity code is stopped before anything is sent", async () => {
    await pentti.write("Tunnukseni on 010190-990L");
    await expect(pentti.chat.getByText("Viestissäsi on henkilötunnus").first()).toBeVisible();
    await pentti.press(pentti.button("Poista henkilötunnus"));
    await expect(pentti.composer).toHaveValue("Tunnukseni on");
    await pentti.write("Miten pääsen näyttämään sitä?");
    await talk.heardText("Miten pääsen näyttämään sitä?");
  });

  await test.step("the nurse ends it, and both have the same talk", async () => {
    await talk.send("Tule huomenna terveysasemalle: https://www.example.fi/ajanvaraus");
    await expect(pentti.chat.getByRole("link", { name: /example\.fi\/ajanvaraus/ })).toHaveAttribute("rel", /noopener/);
    await talk.close();
    await expect(pentti.heading("Keskustelu on päättynyt")).toBeVisible();
    expect(await talk.texts()).toEqual([
      "Hei, punkki puri jalkaan.",
      "Hei Pentti! Milloin se puri?",
      "Eilen illalla. Iholla on punainen läiskä.",
      "Miten pääsen näyttämään sitä?",
      "Tule huomenna terveysasemalle: https://www.example.fi/ajanvaraus",
    ]);
  });

  await test.step("he takes a copy", async () => {
    const saving = pentti.page.waitForEvent("download");
    await pentti.press(pentti.button("Tallenna tiedostoksi"));
    const copy = await readFile(await (await saving).path(), "utf8");
    for (const text of await talk.texts()) expect(copy).toContain(text);
    expect(copy).toContain("Sairaanhoitaja Kaisa Kuvitteellinen");
  });

  await test.step("he says how it went", async () => {
    await pentti.press(pentti.button("Vastaa kyselyyn"));
    await pentti.answer(/suosittelisit tätä chattia/, /^9/);
    await pentti.answer(/Minua kuunneltiin/, /Täysin samaa mieltä/);
    await pentti.chat.getByLabel(/Mikä oli hyvää/).fill("Sain vastauksen heti.");
    await pentti.press(pentti.button("Lähetä vastaukset"));
    await expect(pentti.chat.getByText("Kiitos vastauksistasi!").first()).toBeVisible();
  });

  await test.step("and can start again", async () => {
    await pentti.press(pentti.button("Aloita uusi keskustelu"));
    await pentti.choose(queue.fi);
    await pentti.start();
    await expect(pentti.chat.getByText("Olet seuraavana vuorossa").first()).toBeVisible();
  });
});
