import type { waiting as finnish } from "../fi/waiting.js";
import type { Translated } from "../texts.js";

/** Texts of the wait. */
export const waiting: Translated<typeof finnish> = {
  title: "I kön",
  place: "Du står på plats {{position}} i kön",
  next: "Du står näst i tur",
  wait: "Väntetiden är {{wait}}.",
  asOf: "Uppskattning {{time}}",
  soon: "Det är snart din tur. Håll dig i närheten.",
  movedBack: "Din plats flyttades bakåt, eftersom någon som kom före dig återvände till kön.",
  keep: "Du kan gå till andra sidor eller låsa telefonen: din plats behålls i {{duration}}.",
  keepSoon: "Om din förbindelse bryts behålls din plats i {{duration}}.",
  held: "Din plats behålls till {{time}}.",
  transferred: "Du flyttades till den här kön. Tiden du redan har väntat räknas med.",
  writeNow: "Du kan redan skriva. Yrkespersonen ser dina meddelanden när det blir din tur.",
  callInstead: "Om du inte kan vänta, ring",
  leave: "Lämna kön",
  sound: "Ljudsignal när det blir din tur",
  attention: { soon: "Snart din tur", joined: "Nu är det din tur" },
  joined: "{{name}} kom med i chatten. Nu kan ni chatta.",
  joinedNameless: "En yrkesperson kom med i chatten. Nu kan ni chatta.",
  backInQueue: "Du står i kön igen.",
};
