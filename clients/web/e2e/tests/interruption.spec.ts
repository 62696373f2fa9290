import { announcements } from "../harness/announcements.ts";
import { axeViolations } from "../harness/axe.ts";
import { InterruptingFront } from "../harness/interruptingFront.ts";
import { dayAndNight, expect, queue, test as base } from "../harness/test.ts";

// What residents see while the service has lost its database: that it is not their network, that nothing is lost and
// that there is nothing to do; and that it is over.

const test = base.extend<{ front: InterruptingFront }>({
  front: async ({ server }, use) => {
    const front = await InterruptingFront.create(server.origin);
    await use(front);
    await front.close();
  },
});

const waitingText =
  "Sinun ei tarvitse tehdä mitään. Tiedot sijastasi ja odotusajastasi voivat olla vanhoja. Mitä kirjoitat nyt, lähtee, kun häiriö on ohi.";
const talkText = "Sinun ei tarvitse tehdä mitään. Viestisi lähtevät, kun häiriö on ohi.";

test("while waiting: the place stays, is said to be perhaps old, and goes on afterwards", async ({
  front,
  stage,
  nurse,
  resident,
  guard,
}) => {
  guard.allowRefusals(503);
  const [before] = await stage.arrive(queue.id);
  const elli = await resident({ device: "phone", service: front.origin, reducedMotion: "reduce" });
  await elli.wait(queue.id);
  await expect(elli.place).toContainText("2");

  front.interrupt();
  await expect(elli.chat.getByText("Palvelussa on häiriö. Paikkasi säilyy.", { exact: true })).toBeVisible();
  await expect(elli.chat.getByText(waitingText, { exact: true })).toBeVisible();
  await stage.leave(before as string);
  await expect(elli.place).toContainText("2");
  await elli.write("Hei!");
  await expect(elli.chat.getByText("Odottaa. Viesti lähtee, kun häiriö on ohi.")).toBeVisible();
  // Nothing asks anybody to do anything, and nothing speaks of the resident's own connection.
  await expect(elli.button(elli.words.common.retryNow)).toHaveCount(0);
  await expect(elli.chat.getByText(/[Yy]hteys katkesi/)).toHaveCount(0);
  for (const colorScheme of ["light", "dark"] as const) {
    await elli.page.emulateMedia({ colorScheme });
    expect(await axeViolations(elli.chat, colorScheme === "light" ? "everything" : "colours")).toEqual([]);
  }

  front.restore();
  await expect(elli.chat.getByText("Palvelussa on häiriö. Paikkasi säilyy.", { exact: true })).toHaveCount(0);
  await expect(elli.chat.getByText("Olet seuraavana vuorossa").first()).toBeVisible();
  await elli.sees("Hei!");
  const talk = await nurse.takeNext();
  expect(await talk.texts()).toEqual(["Hei!"]);
  await expect(elli.screen("talk")).toBeVisible();

  // Heard once when it begins and once when it is over, each in its turn.
  const said = async () => (await announcements(elli.chat)).filter((text) => /häiriö/i.test(text));
  await expect.poll(said).toEqual([`Palvelussa on häiriö. Paikkasi säilyy. ${waitingText}`, "Häiriö on ohi."]);
});

test("in the talk: messages wait quietly and arrive in order, once, when it is over", async ({
  front,
  nurse,
  resident,
  guard,
}) => {
  guard.allowRefusals(503);
  const elli = await resident({ device: "phone", service: front.origin });
  await elli.wait(queue.id);
  const talk = await nurse.takeNext();
  await talk.send("Hei!");
  await elli.sees("Hei!");

  front.interrupt();
  for (const text of ["Yksi", "Kaksi", "Kolme"]) await elli.write(text);
  await expect(elli.chat.getByText("Palvelussa on häiriö. Keskustelusi säilyy.", { exact: true })).toBeVisible();
  await expect(elli.chat.getByText(talkText, { exact: true })).toBeVisible();
  expect(await axeViolations(elli.chat)).toEqual([]);
  await talk.send("Oletko siellä?");
  await expect.poll(() => front.refused.get("SendMessage") ?? 0).toBeGreaterThan(1);
  await expect(elli.unsent).toHaveText(["Yksi", "Kaksi", "Kolme"]);
  await expect(elli.chat.locator('[data-outbox="refused"]')).toHaveCount(0);
  await expect(elli.messages).toHaveText(["Hei!"]);

  // A reload in the middle of it shows what it can, and loses nothing.
  await elli.page.reload();
  await expect(elli.heading("Palvelussa on häiriö")).toBeVisible();
  expect(await axeViolations(elli.chat)).toEqual([]);

  front.restore();
  await talk.heardText("Kolme", 20_000);
  await elli.sees("Oletko siellä?");
  await expect(elli.unsent).toHaveCount(0);
  expect(await talk.texts()).toEqual(["Hei!", "Oletko siellä?", "Yksi", "Kaksi", "Kolme"]);
  await expect(elli.messages).toHaveText(["Hei!", "Oletko siellä?", "Yksi", "Kaksi", "Kolme"]);
});

test("an interruption that is over in a moment is not worth a word", async ({ front, resident, guard }) => {
  guard.allowRefusals(503);
  const elli = await resident({ service: front.origin });
  await elli.wait(queue.id);
  front.interrupt();
  front.restore();
  front.interrupt();
  await elli.page.waitForTimeout(500); // a moment, for a person
  front.restore();
  await elli.page.waitForTimeout(2_500); // longer than the page is patient
  expect((await announcements(elli.chat)).filter((text) => /häiriö/i.test(text))).toEqual([]);
});

test.describe("starting", () => {
  for (const [what, begin, status, title] of [
    ["is interrupted", (front: InterruptingFront) => front.interrupt(), 503, "Palvelussa on häiriö."],
    [
      "has too much to do",
      (front: InterruptingFront) => front.overload(3_000),
      429,
      "Palvelu on juuri nyt ruuhkainen.",
    ],
  ] as const) {
    test(`while the service ${what} goes on by itself, and says whom one can call meanwhile`, async ({
      admin,
      front,
      stage,
      resident,
      guard,
    }) => {
      guard.allowRefusals(status);
      await admin.changeQueue(queue.id, dayAndNight);
      const elli = await resident({ device: "phone", service: front.origin, reducedMotion: "reduce" });
      await elli.visitChat(`queue=${queue.id}&lang=fi`);
      await expect(elli.button(elli.words.start.submit)).toBeVisible();
      begin(front);
      await elli.start({ name: "Elli", message: "Hei!" });
      const notice = elli.chat.locator("#start .notice").filter({ hasText: title });
      await expect(notice).toContainText("Yritämme koko ajan uudelleen. Sinun ei tarvitse tehdä mitään.");
      await expect(notice.getByRole("link", { name: /116117/ })).toBeVisible();
      expect(await axeViolations(elli.chat)).toEqual([]);
      await expect.poll(() => front.refused.get("StartConversation") ?? 0).toBeGreaterThan(1);
      expect(await stage.waiting(queue.id)).toBe(0);

      front.restore();
      await expect(elli.place).toBeVisible({ timeout: 20_000 });
      await elli.sees("Hei!");
      expect(await stage.waiting(queue.id)).toBe(1);
      const said = (await announcements(elli.chat)).filter((text) => text.startsWith(title));
      expect(said).toEqual([`${title} Yritämme koko ajan uudelleen. Sinun ei tarvitse tehdä mitään.`]);
    });
  }
});

test("the list of queues says that it may be old, and the page that knows nothing says why", async ({
  front,
  resident,
  guard,
}) => {
  guard.allowRefusals(503);
  const elli = await resident({ device: "phone", service: front.origin });
  await elli.visitChat();
  await expect(elli.screen("queues")).toBeVisible();
  front.interrupt();
  await expect(
    elli.chat.getByText(/^Palvelussa on häiriö\. Tiedot päivitettiin viimeksi .* voivat olla vanhoja\.$/),
  ).toBeVisible();
  await elli.page.reload();
  await expect(elli.heading("Palvelussa on häiriö")).toBeVisible();
  await expect(elli.chat.getByText("Sinun ei tarvitse tehdä mitään.", { exact: false }).first()).toBeVisible();
  expect(await axeViolations(elli.chat)).toEqual([]);
  front.restore();
  await expect(elli.screen("queues").locator("[data-queue]").first()).toBeVisible({ timeout: 20_000 });
});
