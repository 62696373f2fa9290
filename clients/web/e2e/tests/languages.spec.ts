import { makeHistory } from "../harness/history.ts";
import { expect, queue, test } from "../harness/test.ts";

// With a clock of its own, so that there is a history to estimate from.
test.use({ time: new Date("2026-03-11T08:12:00Z") });

const stories = [
  {
    language: "sv",
    queueName: "Jourhjälpen 116117",
    notice: "Ring genast 112 i en nödsituation.",
    place: "Du står på plats 7 i kön",
    wait: /ungefär \d+–\u2060?\d+\sminuter/,
    joined: "Sairaanhoitaja Kaisa Kuvitteellinen",
    ended: "Chatten är avslutad",
    question: /rekommendera den här chatten/,
  },
  {
    language: "en",
    queueName: "Medical Helpline 116117",
    notice: "In an emergency, call 112 at once.",
    place: "You are number 7 in the queue",
    wait: /about \d+–\u2060?\d+\sminutes/,
    joined: "Sairaanhoitaja Kaisa Kuvitteellinen",
    ended: "The chat has ended",
    question: /recommend this chat/,
  },
] as const;

for (const story of stories) {
  test(`a resident chooses ${story.language}, starts, waits, and answers the survey`, async ({
    server,
    stage,
    nurse,
    resident,
  }) => {
    await makeHistory(server, stage, nurse);
    await stage.arrive(queue.id, { count: 6 });

    const maria = await resident({ device: "phone" });
    await maria.visit(`${server.origin}/?lang=fi`);
    await maria.openBubble();
    await test.step("the language is changed in the chat, which began in Finnish", async () => {
      await expect(maria.heading("Mistä haluat keskustella?")).toBeVisible();
      const names = { sv: "Svenska", en: "English" };
      await maria.press(maria.button(names[story.language]));
      maria.language = story.language;
      await expect(maria.chat.locator("html")).toHaveAttribute("lang", story.language);
    });

    await maria.choose(story.queueName);
    await expect(maria.chat.getByText(story.notice)).toBeVisible();
    await maria.start({ name: "Maria" });
    await expect(maria.chat.getByText(story.place).first()).toBeVisible();
    await expect(maria.chat.getByText(story.wait).first()).toBeVisible();

    for (let i = 0; i < 6; i++) await (await nurse.takeNext()).close();
    const talk = await nurse.takeNext();
    await expect(maria.chat.getByText(story.joined).first()).toBeVisible();
    await maria.write("Hej / hello");
    await talk.heardText("Hej / hello");
    await talk.close();
    await expect(maria.heading(story.ended)).toBeVisible();

    const { survey } = maria.words.ended;
    await maria.press(maria.button(survey.open));
    await maria.answer(story.question, /^10/);
    await maria.press(maria.button(survey.send));
    await expect(maria.chat.getByText(survey.thanks).first()).toBeVisible();
  });
}
