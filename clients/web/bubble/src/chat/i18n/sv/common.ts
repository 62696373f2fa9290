import type { common as finnish } from "../fi/common.js";
import type { Translated } from "../texts.js";

/** Texts of the whole page. */
export const common: Translated<typeof finnish> = {
  chat: "Chatt",
  pageTitle: "{{screen}} – chatt",
  skip: "Gå till innehållet",
  back: "Tillbaka",
  backToQueues: "Alla köer",
  cancel: "Avbryt",
  close: "Stäng",
  closeChat: "Stäng chatten",
  minimise: "Minimera chatten",
  retry: "Försök igen",
  retryNow: "Försök genast",
  busy: "Ett ögonblick…",

  languageChoice: "Språk",
  languageName: { fi: "Suomi", sv: "Svenska", en: "English" },
  languageIn: { fi: "finska", sv: "svenska", en: "engelska" },
  languageFailed: "Språket kunde inte bytas eftersom förbindelsen saknas. Försök igen om en stund.",

  time: {
    today: "kl.\u00a0{{time}}",
    untilToday: "kl.\u00a0{{time}}",
    tomorrow: "i morgon kl.\u00a0{{time}}",
    otherDay: "{{day}} kl.\u00a0{{time}}",
  },
  minutes_one: "en minut",
  minutes_other: "{{count}}\u00a0minuter",
  seconds_one: "en sekund",
  seconds_other: "{{count}}\u00a0sekunder",
  inMinutes_one: "om en minut",
  inMinutes_other: "om {{count}}\u00a0minuter",
  inSeconds_one: "om en sekund",
  inSeconds_other: "om {{count}}\u00a0sekunder",

  loading: { title: "Chatten öppnas", text: "Chatten öppnas…" },
  unreachable: {
    title: "Tjänsten kan inte nås",
    text: "Kontrollera din internetförbindelse. Vi försöker hela tiden på nytt.",
    offline: "Din enhet är inte uppkopplad. Vi fortsätter genast när förbindelsen är tillbaka.",
  },
  interrupted: {
    title: "Det är en störning i tjänsten",
    text: "Vi försöker hela tiden på nytt. Du behöver inte göra något.",
  },
  storageBlocked: {
    title: "Öppna chatten på en egen sida",
    text: "Inställningarna i din webbläsare hindrar chatten från att fungera på den här sidan. Därför öppnas den på en egen sida.",
    link: "Öppna chatten",
  },
  memoryOnly:
    "Din webbläsare tillåter inte att något sparas. Uppdatera eller stäng inte sidan under chatten, för då försvinner din plats och din chatt.",
  gone: {
    title: "Chatten kan inte längre öppnas",
    text: "En chatt kan öppnas ännu ett dygn efter att den avslutats. Den tiden har gått ut.",
    startAgain: "Börja en ny chatt",
  },
  elsewhere: {
    title: "Chatten är öppen på annat håll",
    text: "Samma chatt är öppen i för många fönster och stängdes därför här. Din plats och din chatt finns kvar.",
    action: "Fortsätt här",
  },
  failed: {
    title: "Chatten kunde inte öppnas",
    text: "Något gick fel. Din chatt finns kvar. Försök igen om en stund.",
  },

  connection: {
    lostWaiting: "Förbindelsen bröts. Du behåller din plats.",
    lostTalk: "Förbindelsen bröts. Din chatt finns kvar.",
    offlineWaiting: "Din enhet är inte uppkopplad. Du behåller din plats.",
    offlineTalk: "Din enhet är inte uppkopplad. Din chatt finns kvar.",
    retrying: "Vi försöker hela tiden på nytt. Det du skriver nu skickas när förbindelsen är tillbaka.",
    whenOnline: "Vi fortsätter genast när förbindelsen är tillbaka. Det du skriver nu skickas då.",
    back: "Förbindelsen är tillbaka.",
    interruptedWaiting: "Det är en störning i tjänsten. Du behåller din plats.",
    interruptedTalk: "Det är en störning i tjänsten. Din chatt finns kvar.",
    mayBeOld:
      "Du behöver inte göra något. Uppgifterna om din plats och väntetid kan vara gamla. Det du skriver nu skickas när störningen är över.",
    messagesWait: "Du behöver inte göra något. Dina meddelanden skickas när störningen är över.",
    over: "Störningen är över.",
  },

  leave: {
    waitingTitle: "Vill du lämna kön?",
    waitingText: "Du förlorar din plats. Om du kommer tillbaka senare börjar du sist i kön.",
    waitingStay: "Fortsätt vänta",
    waitingLeave: "Lämna kön",
    talkTitle: "Vill du avsluta chatten?",
    talkText: "Chatten avslutas också för yrkespersonen. Efter det kan du spara den åt dig själv.",
    talkStay: "Fortsätt chatta",
    talkLeave: "Avsluta chatten",
    failed: "Det gick inte att avsluta.",
  },
};
