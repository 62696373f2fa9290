import { expect, queue, test } from "../harness/test.ts";

declare global {
  interface Window {
    kuplaNotes?: number;
  }
}

test("who waits elsewhere on the page is called when the turn comes, by title and sound", async ({
  server,
  stage,
  nurse,
  resident,
}) => {
  const [before] = await stage.arrive(queue.id);
  const sisko = await resident();
  // Counts the notes that are played: a browser without a loudspeaker plays them, too.
  await sisko.context.addInitScript(() => {
    window.kuplaNotes = 0;
    const { start } = OscillatorNode.prototype;
    OscillatorNode.prototype.start = function (when?: number) {
      window.kuplaNotes = (window.kuplaNotes ?? 0) + 1;
      start.call(this, when);
    };
  });
  const notes = () => sisko.chat.evaluate(() => window.kuplaNotes ?? 0);
  await sisko.visit(server.origin);
  const title = await sisko.page.title();
  await sisko.openBubble();
  await sisko.choose(queue.fi);
  await sisko.start();
  await expect(sisko.place).toBeVisible();
  // Nobody is startled who did not ask for it.
  expect(await notes()).toBe(0);
  await sisko.press(sisko.chat.getByRole("switch", { name: "Äänimerkki, kun vuoro tulee" }));
  const turnedOn = await notes();
  expect(turnedOn).toBeGreaterThan(0);

  await sisko.press(sisko.button("Pienennä chat"));
  await expect.poll(async () => (await sisko.bubble()).expanded).toBe(false);
  await stage.leave(before as string);
  const talk = await nurse.takeNext();
  await expect.poll(() => sisko.page.title()).toBe("Nyt on vuorosi");
  expect(await notes()).toBeGreaterThan(turnedOn);
  await talk.send("Hei! Vieläkö olet siellä?");
  await expect.poll(async () => (await sisko.bubble()).name).toContain("1 lukematon viesti");

  await sisko.openBubble();
  await sisko.sees("Hei! Vieläkö olet siellä?");
  await expect.poll(() => sisko.page.title()).toBe(title);
  await expect.poll(async () => (await sisko.bubble()).name).not.toContain("lukematon");

  // On the next page of the site the chat is open, where it was.
  await sisko.page.goto(`${server.origin}/?lang=sv`);
  await sisko.chatFrame();
  await sisko.sees("Hei! Vieläkö olet siellä?");
  expect(await talk.texts()).toEqual(["Hei! Vieläkö olet siellä?"]);
});
