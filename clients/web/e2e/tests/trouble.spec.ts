import { dayAndNight, expect, queue, test } from "../harness/test.ts";

// What goes wrong in people's lives. Each story ends in a state that a person understands, with nothing lost and
// nothing doubled: what stands on the screen is compared with the log as the service keeps it.

test("reloading the page while waiting keeps the place", async ({ stage, nurse, resident }) => {
  await stage.arrive(queue.id);
  const elli = await resident({ device: "phone" });
  await elli.wait(queue.id, { message: "Hei!" });
  await expect(elli.place).toContainText("2");
  await elli.page.reload();
  await expect(elli.place).toContainText("2");
  expect(await stage.waiting(queue.id)).toBe(2);
  await (await nurse.takeNext()).close();
  const talk = await nurse.takeNext();
  await elli.sees("Hei!");
  expect(await talk.texts()).toEqual(["Hei!"]);
});

test("reloading in the middle of the talk brings everything back once, what was being typed too", async ({
  nurse,
  resident,
}) => {
  const elli = await resident();
  await elli.wait(queue.id, { message: "Yksi" });
  const talk = await nurse.takeNext();
  await talk.send("Kaksi");
  await elli.sees("Kaksi");
  await elli.write("Kolme");
  await talk.heardText("Kolme");
  await elli.composer.pressSequentially("Neljä on kes");
  await elli.page.reload();
  await elli.sees("Kolme");
  await expect(elli.composer).toHaveValue("Neljä on kes");
  await elli.write("Neljä");
  await talk.heardText("Neljä");
  await elli.sees("Neljä");
  expect(await elli.texts()).toEqual(["Yksi", "Kaksi", "Kolme", "Neljä"]);
  expect(await elli.texts()).toEqual(await talk.texts());
});

test("reloading in the middle of the start goes on with the same start", async ({
  network,
  stage,
  nurse,
  resident,
  guard,
}) => {
  guard.allowLostConnections();
  const elli = await resident({ service: network.origin });
  await elli.visitChat(`queue=${queue.id}&lang=fi`);
  await expect(elli.button(elli.words.start.submit)).toBeVisible();
  // The service hears the start; its answer never arrives.
  network.mute();
  await elli.start({ name: "Elli", message: "Hei!" });
  await expect.poll(() => stage.waiting(queue.id)).toBe(1);
  network.cut();
  network.open();
  await elli.page.reload();
  await expect(elli.place).toBeVisible();
  expect(await stage.waiting(queue.id)).toBe(1);
  const talk = await nurse.takeNext();
  await elli.sees("Hei!");
  expect(await talk.texts()).toEqual(["Hei!"]);
});

test("a minute offline while waiting: the place is kept, and said to be", async ({
  stage,
  network,
  nurse,
  resident,
  guard,
}) => {
  guard.allowLostConnections();
  const [before] = await stage.arrive(queue.id);
  const elli = await resident({ device: "phone", service: network.origin });
  await elli.page.clock.install();
  await elli.wait(queue.id);
  await expect(elli.place).toContainText("2");

  // What stands in a browser that is offline stands: the network behind it has to be dead, too.
  network.stall();
  await elli.context.setOffline(true);
  await expect(elli.chat.getByText("Laitteesi ei ole verkossa. Paikkasi säilyy.").first()).toBeVisible();
  await stage.leave(before as string);
  await elli.page.clock.fastForward("01:00");
  await expect(elli.place).toContainText("2");
  network.cut();
  network.open();
  await elli.context.setOffline(false);

  await expect(elli.chat.getByText("Olet seuraavana vuorossa").first()).toBeVisible();
  await expect(elli.chat.getByText("Paikkasi säilyy", { exact: true })).toHaveCount(0);
  expect(await stage.waiting(queue.id)).toBe(1);
  await nurse.takeNext();
  await expect(elli.composer).toBeVisible();
});

test("a minute offline in the talk: what both wrote meanwhile arrives, once", async ({
  network,
  nurse,
  resident,
  guard,
}) => {
  guard.allowLostConnections();
  const elli = await resident({ device: "phone", service: network.origin });
  await elli.page.clock.install();
  await elli.wait(queue.id);
  const talk = await nurse.takeNext();
  await talk.send("Hei!");
  await elli.sees("Hei!");

  network.stall();
  await elli.context.setOffline(true);
  await elli.write("Kuuletko?");
  await elli.write("Haloo?");
  await expect(elli.unsent).toHaveText(["Kuuletko?", "Haloo?"]);
  await expect(elli.chat.getByText("Odottaa yhteyttä. Viesti lähtee, kun yhteys palaa.").first()).toBeVisible();
  await talk.send("Oletko siellä?");
  await elli.page.clock.fastForward("01:00");
  network.cut();
  network.open();
  await elli.context.setOffline(false);

  await talk.heardText("Haloo?");
  await elli.sees("Oletko siellä?");
  await expect(elli.unsent).toHaveCount(0);
  await expect(elli.messages).toHaveCount(4);
  expect(await talk.texts()).toEqual(["Hei!", "Oletko siellä?", "Kuuletko?", "Haloo?"]);
  expect(await elli.texts()).toEqual(await talk.texts());
});

test("what was written offline survives a reload before the network is back", async ({ nurse, resident, guard }) => {
  guard.allowLostConnections();
  const elli = await resident();
  await elli.wait(queue.id);
  const talk = await nurse.takeNext();
  await talk.send("Hei!");
  await elli.sees("Hei!");
  // The service is out of reach while its pages are still there, as behind a broken gateway.
  await elli.context.route("**/kupla.v1.*/**", (route) => route.abort("connectionrefused"));
  await elli.write("Tämä ei saa kadota");
  await expect(elli.unsent).toHaveText(["Tämä ei saa kadota"]);
  await elli.page.reload();
  await elli.context.unroute("**/kupla.v1.*/**");
  await talk.heardText("Tämä ei saa kadota");
  await elli.sees("Tämä ei saa kadota");
  expect(await elli.texts()).toEqual(["Hei!", "Tämä ei saa kadota"]);
  expect(await talk.texts()).toEqual(["Hei!", "Tämä ei saa kadota"]);
});

test("the server is killed and started again: the wait goes on at the same place", async ({
  server,
  stage,
  nurse,
  resident,
  guard,
}) => {
  guard.allowLostConnections();
  const [before] = await stage.arrive(queue.id);
  const elli = await resident();
  await elli.wait(queue.id, { message: "Hei!" });
  await expect(elli.place).toContainText("2");
  await server.kill();
  await expect(elli.chat.getByText("Paikkasi säilyy").first()).toBeVisible();
  await server.start();
  await expect(elli.chat.getByText("Paikkasi säilyy", { exact: true })).toHaveCount(0, { timeout: 20_000 });
  await expect(elli.place).toContainText("2");
  await stage.leave(before as string);
  await expect(elli.chat.getByText("Olet seuraavana vuorossa").first()).toBeVisible();
  const talk = await nurse.takeNext();
  expect(await talk.texts()).toEqual(["Hei!"]);
  await elli.sees("Hei!");
});

test("the server is killed in the middle of the talk: nothing is lost and nothing doubled", async ({
  server,
  nurse,
  resident,
  guard,
}) => {
  guard.allowLostConnections();
  const elli = await resident();
  await elli.wait(queue.id);
  const talk = await nurse.takeNext();
  for (let i = 1; i <= 5; i++) {
    await talk.send(`Ammattilainen ${i}`);
    await elli.write(`Asukas ${i}`);
  }
  // In the middle of it: the last ones may be on their way.
  await server.kill();
  await elli.write("Asukas 6");
  const answer = talk.send("Ammattilainen 6");
  await expect(
    elli.chat.getByText("Keskustelusi säilyy").or(elli.chat.getByText("ovat tallessa")).first(),
  ).toBeVisible();
  await server.start();
  await answer;
  await talk.heardText("Asukas 6");
  await expect(elli.unsent).toHaveCount(0);
  await elli.sees("Ammattilainen 6");
  const log = await talk.texts();
  expect(await elli.texts()).toEqual(log);
  for (const who of ["Ammattilainen", "Asukas"]) {
    expect(log.filter((text) => text.startsWith(who))).toEqual([1, 2, 3, 4, 5, 6].map((i) => `${who} ${i}`));
  }
});

test("connections that are cut and stalled again and again lose and double nothing", async ({
  network,
  nurse,
  resident,
  guard,
}) => {
  guard.allowLostConnections();
  const elli = await resident({ service: network.origin });
  await elli.wait(queue.id);
  const talk = await nurse.takeNext();
  const expected: string[] = [];
  for (let i = 1; i <= 8; i++) {
    const text = `Viesti ${i}`;
    if (i % 4 === 0) network.mute();
    await elli.write(text);
    await talk.send(`Vastaus ${i}`);
    expected.push(text, `Vastaus ${i}`);
    network.cut();
    network.open();
  }
  await talk.heardText("Viesti 8", 30_000);
  await elli.sees("Vastaus 8");
  await expect(elli.unsent).toHaveCount(0, { timeout: 30_000 });
  await expect(elli.messages).toHaveCount(expected.length);
  const log = await talk.texts();
  expect(await elli.texts()).toEqual(log);
  expect([...log].sort()).toEqual([...expected].sort());
});

test("a second tab shows the same talk, and one stream serves both", async ({ nurse, resident }) => {
  const elli = await resident();
  let streams = 0;
  elli.context.on("request", (request) => {
    if (request.url().endsWith("/FollowConversation")) streams++;
  });
  await elli.wait(queue.id, { message: "Hei!" });
  const talk = await nurse.takeNext();
  await elli.sees("Hei!");
  expect(streams).toBe(1);

  const second = await elli.inAnotherTab();
  await second.sees("Hei!");
  await talk.send("Hei molempiin!");
  for (const tab of [elli, second]) await tab.sees("Hei molempiin!");
  await second.write("Toisesta välilehdestä");
  await talk.heardText("Toisesta välilehdestä");
  await elli.sees("Toisesta välilehdestä");
  expect(streams).toBe(1);

  // The tab that has the stream goes; the other takes over.
  await elli.page.close();
  await talk.send("Vieläkö?");
  await second.sees("Vieläkö?");
  await expect.poll(() => streams).toBe(2);
  await second.write("Kyllä.");
  await talk.heardText("Kyllä.");
  await second.sees("Kyllä.");
  expect(await second.texts()).toEqual(await talk.texts());
});

test.describe("with tokens that live for two seconds after the end", () => {
  test.use({ settings: "times: {token_life: 2s}" });

  test("an expired token is said to be one, and a new conversation can be started", async ({
    nurse,
    resident,
    guard,
  }) => {
    guard.allowRefusals(401);
    const elli = await resident();
    await elli.wait(queue.id);
    const talk = await nurse.takeNext();
    await talk.close();
    await expect(elli.heading("Keskustelu on päättynyt")).toBeVisible();
    await expect(async () => {
      await elli.page.reload();
      await expect(elli.screen("gone")).toBeVisible({ timeout: 1_500 });
    }).toPass();
    await elli.press(elli.button(/Aloita uusi keskustelu/));
    await elli.start();
    await expect(elli.chat.getByText("Olet seuraavana vuorossa").first()).toBeVisible();
  });
});

test("a closed queue says when it opens and where to call", async ({ admin, resident }) => {
  await admin.changeQueue(queue.id, {
    openingHours: { weekly: [{ day: "DAY_OF_WEEK_MONDAY", spans: [{ start: "08:00", end: "08:01" }] }] },
  });
  const elli = await resident({ device: "phone" });
  await elli.visitChat(`queue=${queue.id}&lang=fi`);
  await expect(elli.chat.getByText(/Suljettu, aukeaa .*klo\s8\.00/).first()).toBeVisible();
  await expect(elli.chat.getByRole("link", { name: /116117/ }).first()).toBeVisible();
  await expect(elli.button("Siirry jonoon")).toHaveCount(0);
});

test("a queue that closes while somebody is about to start says so", async ({ admin, resident, guard }) => {
  guard.allowRefusals(400);
  const elli = await resident();
  await elli.visitChat(`queue=${queue.id}&lang=fi`);
  await elli.context.route("**/StartConversation", async (route) => {
    await admin.changeQueue(queue.id, { openingHours: { weekly: [] } });
    await route.continue();
  });
  await elli.start({ message: "Hei!" });
  await expect(elli.chat.getByText("Jono on suljettu.", { exact: false }).first()).toBeVisible();
  await expect(elli.chat.getByText(/116117/).first()).toBeVisible();
});

test("a full queue says so, and lets in who stays as soon as there is room", async ({ admin, stage, resident }) => {
  await admin.changeQueue(queue.id, { capacity: 1 });
  const [first] = await stage.arrive(queue.id);
  const elli = await resident({ device: "phone" });
  await elli.visitChat(`queue=${queue.id}&lang=fi`);
  await expect(elli.chat.getByText("Jono on täynnä juuri nyt").first()).toBeVisible();
  await expect(elli.button("Siirry jonoon")).toHaveCount(0);
  await stage.leave(first as string);
  await elli.start();
  await expect(elli.place).toBeVisible();
});

test("a paused queue says until when, and goes on by itself", async ({ supervisor, resident }) => {
  await supervisor.pause(queue.id, 30 * 60_000);
  const elli = await resident();
  await elli.visitChat(`queue=${queue.id}&lang=fi`);
  await expect(elli.chat.getByText(/Tauolla, jatkuu (huomenna )?klo\s\d+\.\d\d/).first()).toBeVisible();
  await expect(elli.button("Siirry jonoon")).toHaveCount(0);
  await supervisor.resume(queue.id);
  await elli.start();
  await expect(elli.place).toBeVisible();
});

test.describe("where a place is kept for two seconds", () => {
  test.use({ settings: "times: {presence_grace: 1s}" });

  test("who is away for longer reads why the wait has ended", async ({ admin, stage, network, resident, guard }) => {
    guard.allowLostConnections();
    await admin.changeQueue(queue.id, { keepPlaceDuration: "2s" });
    const elli = await resident({ service: network.origin });
    await elli.wait(queue.id);
    network.refuse();
    // Until the service has given the place up, which the queue shows.
    await expect.poll(() => stage.waiting(queue.id), { timeout: 20_000 }).toBe(0);
    network.open();
    await expect(elli.heading("Keskustelu on päättynyt")).toBeVisible({ timeout: 20_000 });
    await expect(
      elli.chat.getByText("Olit poissa pidempään kuin paikkaa säilytetään.", { exact: false }).first(),
    ).toBeVisible();
    await elli.press(elli.button("Aloita uusi keskustelu"));
    await elli.start();
    await expect(elli.place).toBeVisible();
  });
});

test.describe("where a talk waits for three seconds", () => {
  test.use({ settings: "times: {presence_grace: 1s, customer_expires_after: 3s, customer_warned_before: 1s}" });

  test("who is away for longer reads why the talk has ended, and what was said", async ({
    network,
    nurse,
    resident,
    guard,
  }) => {
    guard.allowLostConnections();
    const elli = await resident({ service: network.origin });
    await elli.wait(queue.id);
    const talk = await nurse.takeNext();
    await talk.send("Hei!");
    await elli.sees("Hei!");
    network.refuse();
    await talk.heardClosed();
    network.open();
    await expect(elli.heading("Keskustelu on päättynyt")).toBeVisible({ timeout: 20_000 });
    const reason = "Olit poissa niin pitkään, että keskustelu päätettiin.";
    await expect(elli.chat.getByText(reason, { exact: false }).first()).toBeVisible();
    await expect(elli.chat.getByText("Hei!", { exact: true })).toBeVisible();
  });
});

test("a professional who passes it on, and one who gives it back, are told of", async ({
  server,
  stage,
  nurse,
  admin,
  resident,
}) => {
  await admin.changeQueue("oral-health", dayAndNight);
  const elli = await resident();
  await elli.wait(queue.id);
  const first = await nurse.takeNext();
  await first.send("Siirrän sinut hammashoitoon.");
  await elli.sees("Siirrän sinut hammashoitoon.");
  await first.transfer("oral-health");
  await expect(
    elli.chat.getByText("Sinut siirrettiin jonoon Suun terveydenhuolto.", { exact: false }).first(),
  ).toBeVisible();
  const hygienist = await stage.open("Sanna", server.token("Sanna"));
  await hygienist.available();
  const second = await hygienist.takeNext();
  await expect(elli.chat.getByText("Sinulle vastaa: Suuhygienisti Sanna Satuhahmo")).toBeVisible();
  await second.returnToQueue();
  await expect(elli.chat.getByText("Ammattilainen palautti sinut jonoon.", { exact: false }).first()).toBeVisible();
  await expect(elli.place).toBeVisible();
});
