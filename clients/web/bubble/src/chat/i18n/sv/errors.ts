import type { errors as finnish } from "../fi/errors.js";
import type { Translated } from "../texts.js";

/** What went wrong and what to do about it, by the reason of the refusal. */
export const errors: Translated<typeof finnish> = {
  QUEUE_CLOSED: "Kön är stängd.",
  QUEUE_PAUSED: "Kön har paus och tar inte emot nya just nu.",
  QUEUE_FULL: "Kön är full just nu.",
  NOTICE_OUTDATED: "Informationen har ändrats. Läs den på nytt och ställ dig sedan i kön.",
  LANGUAGE_NOT_SERVED: "Den här kön betjänar inte på det språk du valde. Välj ett annat språk.",
  TOO_MANY_WAITING: "För många väntar redan från samma nätverk.",
  RATE_LIMITED: "Det kom för många försök på kort tid.",
  OVERLOADED: "Det är rusning i tjänsten just nu.",
  IDENTITY_CODE_IN_TEXT:
    "Det finns en personbeteckning i texten, så den varken skickades eller sparades. Ta bort personbeteckningen och försök igen.",
  QUEUE_NOT_FOUND: "Kön finns inte längre. Välj en annan kö.",
  START_TOO_OLD: "Det förra försöket är för gammalt. Ställ dig i kön på nytt.",
  REQUEST_ID_REUSED: "Något gick fel. Försök igen.",
  INVALID_REQUEST: "Tjänsten godkände inte texten. Kontrollera hur lång den är och försök igen.",
  REQUEST_TOO_LARGE: "Texten är för lång. Förkorta den eller skicka den i delar.",
  TOO_MANY_STREAMS: "För många förbindelser är öppna från samma nätverk. Stäng andra chattfönster och försök igen.",
  CONVERSATION_CLOSED: "Chatten är avslutad.",
  CONVERSATION_TOO_LONG: "Chatten är för lång för att fortsätta. Börja en ny chatt.",
  CONVERSATION_NOT_FOUND: "Chatten finns inte längre.",
  CREDENTIALS_INVALID: "Chatten kan inte längre öppnas. Börja en ny chatt.",
  FEEDBACK_TOKEN_INVALID: "Det går inte längre att svara på enkäten.",
  ANSWER_INVALID: "Något av svaren passar inte ihop med sin fråga. Kontrollera svaren.",
  UNAVAILABLE: "Det är en störning i tjänsten. Försök igen om en stund.",
  INTERNAL: "Något gick fel i tjänsten. Försök igen om en stund.",
  unreachable: "Tjänsten kunde inte nås. Kontrollera din internetförbindelse och försök igen.",
  tooMuch: "Det är rusning i tjänsten just nu. Försök igen om en stund.",
  other: "Något gick fel. Försök igen om en stund.",

  opens: "Den öppnar {{time}}.",
  resumes: "Den fortsätter {{time}}.",
  languages: "Vi betjänar på {{languages}}.",
  retryIn: "Försök igen {{time}}.",
  call: "Du kan också ringa {{phone}}.",
  incident: "Om det händer igen, uppge det här numret för tjänsten: {{id}}.",
};
