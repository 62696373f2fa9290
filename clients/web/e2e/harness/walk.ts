import { expect } from "@playwright/test";

import { makeHistory } from "./history.ts";
import { InterruptingFront } from "./interruptingFront.ts";
import type { Resident } from "./resident.ts";
import type { Desk } from "./stage.ts";
import { type Fixtures, queue } from "./test.ts";
import type { Language } from "./texts.ts";

/** A Wednesday morning in March, when most of the demonstration's queues are open. */
export const morning = new Date("2026-03-11T07:12:00Z");

/** Nothing moves: what is looked at is not on its way from one colour to another. */
const still = { reducedMotion: "reduce" } as const;

/** What a walk needs of a test. */
export type World = Pick<
  Fixtures,
  "server" | "network" | "stage" | "nurse" | "admin" | "supervisor" | "resident" | "guard"
>;

/** How the chat looks on a walk. */
export interface Look {
  device: "phone" | "desktop";
  language: Language;
  theme: "default" | "harbour";
}

/** What residents and professionals write on a walk, by language. */
const said = {
  fi: {
    name: "Aino",
    before: "Hei! Punkki puri eilen illalla jalkaan, ja ihossa on nyt punainen läiskä.",
    hello: "Hei Aino! Luin viestisi. Minkä kokoinen läiskä on, ja onko sinulla kuumetta?",
    answer: "Noin viisi senttiä. Ei kuumetta.",
    advice:
      "Hyvä, että otit yhteyttä. Läiskä on hyvä näyttää terveysasemalla tällä viikolla. Voit varata ajan itse: https://www.example.fi/ajanvaraus",
    more: "Kiitos! Pitääkö minun seurata jotain ennen sitä?",
    watch: "Seuraa, laajeneeko läiskä tai nouseeko kuume. Jos olosi huononee nopeasti, soita 116117.",
    code: "Tunnukseni on 010190-990L",
    unsent: "Kiitos, tämä auttoi paljon!",
    howCanI: "Hei! Miten voin auttaa?",
    tooth: "Hammas lohkesi eilen.",
  },
  sv: {
    name: "Aino",
    before: "Hej! En fästing bet mig i benet i går kväll, och nu har jag en röd fläck på huden.",
    hello: "Hej Aino! Jag läste ditt meddelande. Hur stor är fläcken, och har du feber?",
    answer: "Ungefär fem centimeter. Ingen feber.",
    advice:
      "Bra att du tog kontakt. Visa fläcken på hälsostationen den här veckan. Du kan boka tid själv: https://www.example.fi/tidsbokning",
    more: "Tack! Ska jag hålla koll på något innan dess?",
    watch: "Följ med om fläcken blir större eller om du får feber. Om du snabbt mår sämre, ring 116117.",
    code: "Min beteckning är 010190-990L",
    unsent: "Tack, det här hjälpte mycket!",
    howCanI: "Hej! Hur kan jag hjälpa till?",
    tooth: "En tand gick sönder i går.",
  },
  en: {
    name: "Aino",
    before: "Hello! A tick bit my leg last night, and now there is a red patch on the skin.",
    hello: "Hello Aino! I have read your message. How large is the patch, and do you have a fever?",
    answer: "About five centimetres. No fever.",
    advice:
      "Good that you got in touch. Please show the patch at the health centre this week. You can book a time yourself: https://www.example.fi/booking",
    more: "Thank you! Should I keep an eye on anything before that?",
    watch: "See if the patch grows or a fever comes. If you quickly get worse, call 116117.",
    code: "My code is 010190-990L",
    unsent: "Thank you, this helped a lot!",
    howCanI: "Hello! How can I help?",
    tooth: "A tooth broke yesterday.",
  },
} as const;

/**
 * Goes through every screen and state of the chat as residents meet them, and calls show at each, with its name and who
 * sees it. The server must have the clock of {@link morning}.
 */
export async function walk(
  world: World,
  look: Look,
  show: (state: string, who: Resident) => Promise<void>,
): Promise<void> {
  const front = await InterruptingFront.create(world.server.origin);
  try {
    await walkBehind(front, world, look, show);
  } finally {
    await front.close();
  }
}

async function walkBehind(
  front: InterruptingFront,
  world: World,
  look: Look,
  show: (state: string, who: Resident) => Promise<void>,
): Promise<void> {
  const { server, network, stage, nurse, admin, supervisor, resident, guard } = world;
  const { language, theme, device } = look;
  const words = said[language];
  guard.allowLostConnections();
  guard.allowRefusals(400, 401, 404, 503);

  const desks = new Map<string, Desk>();
  // A queue of each kind: open with people in it, full, paused, closed.
  await makeHistory(server, stage, nurse);
  for (const name of ["Sanna", "Nelli", "Milla", "Teuvo"]) {
    const desk = await stage.open(name, server.token(name));
    await desk.available();
    desks.set(name, desk);
  }
  await admin.changeQueue("student-health", { capacity: 1 });
  await stage.arrive("student-health");
  await supervisor.pause("social-guidance", 0);
  const [first, second, ...others] = await stage.arrive(queue.id, { count: 5 });
  const offset = server.now.getTime() - Date.now();
  const someone = async (service?: string) => {
    const who = await resident({ ...still, device, offset, ...(service === undefined ? {} : { service }) });
    who.language = language;
    return who;
  };
  const at = (queueId?: string) => `lang=${language}&theme=${theme}${queueId === undefined ? "" : `&queue=${queueId}`}`;

  const aino = await someone(network.origin);
  const { start, ended, talk: talkWords, waiting, common } = aino.words;
  await aino.visitChat(at());
  await expect(aino.screen("queues").locator('[data-kind="paused"]')).toBeVisible();
  await show("queues", aino);
  for (const [id, kind] of [
    ["health-social-work", "closed"],
    ["student-health", "full"],
    ["social-guidance", "paused"],
  ] as const) {
    await aino.visitChat(at(id));
    await expect(aino.screen("queue").locator(`[data-kind="${kind}"]`)).toBeVisible();
    await show(`queue-${kind}`, aino);
  }
  await aino.visitChat(at(queue.id));
  await expect(aino.button(start.submit)).toBeVisible();
  await show("start", aino);
  await aino.start({ name: words.name, message: words.code });
  await expect(aino.chat.getByText(start.identityCode).first()).toBeVisible();
  await show("start-code", aino);
  await aino.start({ message: words.before });
  await expect(aino.place).toBeVisible();
  await aino.sees(words.before);
  await aino.chat.locator("#main").evaluate((main) => main.scrollTo(0, 0));
  await show("waiting", aino);
  await aino.press(aino.button(waiting.leave));
  await show("waiting-leave", aino);
  await aino.press(aino.button(common.leave.waitingStay));

  network.refuse();
  await expect(aino.chat.getByText(common.connection.lostWaiting).first()).toBeVisible();
  await aino.chat.locator("#main").evaluate((main) => main.scrollTo(0, 0));
  await show("waiting-lost", aino);
  network.open();
  for (const gone of [first, second, ...others]) await stage.leave(gone as string);
  await expect(aino.chat.getByText(waiting.next).first()).toBeVisible({ timeout: 20_000 });
  await expect(aino.chat.getByText(common.connection.lostWaiting)).toHaveCount(0);
  await aino.chat.locator("#main").evaluate((main) => main.scrollTo(0, 0));
  await show("waiting-next", aino);

  const talk = await nurse.takeNext();
  await expect(aino.screen("talk")).toBeVisible();
  await talk.send(words.hello);
  await aino.sees(words.hello);
  await aino.write(words.answer);
  await talk.heardText(words.answer);
  await talk.send(words.advice);
  await aino.write(words.more);
  const { value } = await talk.heardText(words.more);
  await talk.markRead(value?.sequence ?? 0);
  await expect(aino.chat.getByText(talkWords.read, { exact: true })).toBeVisible();
  await talk.type();
  await expect(aino.chat.locator('[data-typing="true"]')).toBeVisible();
  await show("talk", aino);
  await talk.send(words.watch);
  await aino.sees(words.watch);
  await aino.write(words.code);
  await expect(aino.chat.getByText(talkWords.identityCode.title).first()).toBeVisible();
  await show("talk-code", aino);
  await aino.composer.fill("");
  await aino.press(aino.chat.getByRole("button", { name: new RegExp(`^${talkWords.leave}`) }).first());
  await expect(aino.chat.getByRole("dialog")).toBeVisible();
  await show("talk-leave", aino);
  await aino.press(aino.button(common.leave.talkStay));

  network.refuse();
  await aino.write(words.unsent);
  await expect(aino.unsent).toBeVisible();
  await expect(aino.chat.getByText(common.connection.lostTalk).first()).toBeVisible();
  await expect(aino.chat.locator('[data-outbox="waiting"]')).toBeVisible({ timeout: 20_000 });
  await show("talk-lost", aino);
  network.open();
  await talk.heardText(words.unsent, 30_000);

  await talk.close();
  await expect(aino.screen("ended")).toBeVisible({ timeout: 20_000 });
  await show("ended", aino);
  await aino.press(aino.button(ended.forget.action));
  await expect(aino.chat.getByRole("dialog")).toBeVisible();
  await show("ended-forget", aino);
  await aino.press(aino.button(ended.forget.cancel));
  await aino.press(aino.button(ended.survey.open));
  await expect(aino.button(ended.survey.send)).toBeVisible();
  await aino.heading(ended.survey.title).scrollIntoViewIfNeeded();
  await show("survey", aino);
  await aino.press(aino.button(ended.survey.send));
  await expect(aino.chat.locator("form").getByText(ended.survey.problems.nothingAnswered)).toBeVisible();
  await show("survey-problem", aino);
  await aino.answer(/(suosittelisit|rekommendera|recommend)/, /^9$/);
  await aino.press(aino.button(ended.survey.send));
  await expect(aino.heading(ended.survey.thanks)).toBeVisible();
  await show("survey-thanks", aino);

  // Somebody else, who is passed on, and then asked to call.
  const leevi = await someone(front.origin);
  await leevi.visitChat(at(queue.id));
  await leevi.start({ name: "Leevi" });
  const other = await nurse.takeNext();
  await other.transfer("oral-health");
  await expect(leevi.screen("waiting")).toBeVisible();
  await leevi.chat.locator("#main").evaluate((main) => main.scrollTo(0, 0));
  await show("waiting-transferred", leevi);
  front.interrupt();
  await expect(leevi.chat.getByText(common.connection.interruptedWaiting).first()).toBeVisible();
  await leevi.chat.locator("#main").evaluate((main) => main.scrollTo(0, 0));
  await show("waiting-interrupted", leevi);
  front.restore();
  await expect(leevi.chat.getByText(common.connection.interruptedWaiting)).toHaveCount(0);

  // One browser has one stream; in five of them the first is closed.
  const copies: Resident[] = [];
  const storageState = await leevi.context.storageState();
  for (let i = 0; i < 4; i++) {
    const copy = await resident({ ...still, device, offset, storageState, service: front.origin });
    copy.language = language;
    copies.push(copy);
    await copy.visitChat(at());
    await expect(copy.place).toBeVisible();
  }
  await expect(leevi.screen("elsewhere")).toBeVisible();
  await show("elsewhere", leevi);
  for (const copy of copies) await copy.context.close();
  await leevi.press(leevi.button(common.elsewhere.action));
  await expect(leevi.place).toBeVisible();

  const last = await (desks.get("Sanna") as Desk).takeNext();
  await last.send(words.howCanI);
  await leevi.sees(words.howCanI);
  front.interrupt();
  await leevi.write(words.tooth);
  await expect(leevi.chat.getByText(common.connection.interruptedTalk).first()).toBeVisible();
  await expect(leevi.chat.locator('[data-outbox="waiting"]')).toBeVisible();
  await show("talk-interrupted", leevi);
  front.restore();
  await last.heardText(words.tooth);
  await last.close("REDIRECTED_TO_PHONE");
  await expect(leevi.screen("ended")).toBeVisible();
  await show("ended-phone", leevi);
  await server.pass(25 * 60 * 60_000);
  await leevi.page.reload();
  await expect(leevi.screen("gone")).toBeVisible();
  await show("gone", leevi);

  const nobody = await someone(network.origin);
  await nobody.visitChat(at());
  await expect(nobody.screen("queues")).toBeVisible();
  await nobody.context.route("**/kupla.v1.*/**", (route) => route.abort("connectionrefused"));
  await nobody.page.reload();
  await expect(nobody.screen("unreachable")).toBeVisible({ timeout: 20_000 });
  await show("unreachable", nobody);

  const blocked = await someone();
  await blocked.context.addInitScript(() => {
    Object.defineProperty(window, "localStorage", {
      get() {
        throw new DOMException("denied", "SecurityError");
      },
    });
  });
  await blocked.visitChat(`${at()}&embedded=1`);
  await expect(blocked.screen("storageBlocked")).toBeVisible();
  await show("storage-blocked", blocked);
}
