/** Texts of the whole page. */
export const common = {
  chat: "Chat",
  pageTitle: "{{screen}} – chat",
  skip: "Siirry sisältöön",
  back: "Takaisin",
  backToQueues: "Kaikki jonot",
  cancel: "Peruuta",
  close: "Sulje",
  closeChat: "Sulje chat",
  minimise: "Pienennä chat",
  retry: "Yritä uudelleen",
  retryNow: "Yritä heti",
  busy: "Hetki…",

  languageChoice: "Kieli",
  languageName: { fi: "Suomi", sv: "Svenska", en: "English" },
  /** As in "Palvelemme suomeksi ja ruotsiksi". */
  languageIn: { fi: "suomeksi", sv: "ruotsiksi", en: "englanniksi" },
  languageFailed: "Kieltä ei voitu vaihtaa, koska yhteyttä ei ole. Yritä hetken päästä uudelleen.",

  time: {
    today: "klo\u00a0{{time}}",
    /** As in "avoinna klo 15 asti": English needs no preposition there. */
    untilToday: "klo\u00a0{{time}}",
    tomorrow: "huomenna klo\u00a0{{time}}",
    otherDay: "{{day}} klo\u00a0{{time}}",
  },
  minutes_one: "minuutin",
  minutes_other: "{{count}}\u00a0minuuttia",
  seconds_one: "sekunnin",
  seconds_other: "{{count}}\u00a0sekuntia",
  inMinutes_one: "minuutin kuluttua",
  inMinutes_other: "{{count}}\u00a0minuutin kuluttua",
  inSeconds_one: "sekunnin kuluttua",
  inSeconds_other: "{{count}}\u00a0sekunnin kuluttua",

  loading: { title: "Avataan chattia", text: "Avataan chattia…" },
  unreachable: {
    title: "Palveluun ei saada yhteyttä",
    text: "Tarkista nettiyhteytesi. Yritämme koko ajan uudelleen.",
    offline: "Laitteesi ei ole verkossa. Jatkamme heti, kun yhteys palaa.",
  },
  interrupted: {
    title: "Palvelussa on häiriö",
    text: "Yritämme koko ajan uudelleen. Sinun ei tarvitse tehdä mitään.",
  },
  storageBlocked: {
    title: "Avaa chat omalla sivullaan",
    text: "Selaimesi asetukset estävät chatin toimimasta tällä sivulla, joten se avataan omalla sivullaan.",
    link: "Avaa chat",
  },
  memoryOnly:
    "Selaimesi ei anna tallentaa mitään. Älä päivitä tai sulje tätä sivua keskustelun aikana, sillä silloin paikkasi ja keskustelusi katoavat.",
  gone: {
    title: "Keskustelua ei voi enää avata",
    text: "Keskustelun voi avata vuorokauden ajan sen päättymisestä. Se aika on kulunut.",
    startAgain: "Aloita uusi keskustelu",
  },
  elsewhere: {
    title: "Chat on auki muualla",
    text: "Sama keskustelu on auki liian monessa ikkunassa, joten se suljettiin tästä. Paikkasi ja keskustelusi ovat tallessa.",
    action: "Jatka tässä",
  },
  failed: {
    title: "Keskustelua ei saatu auki",
    text: "Jokin meni vikaan. Keskustelusi on tallessa. Yritä hetken päästä uudelleen.",
  },

  connection: {
    lostWaiting: "Yhteys katkesi. Paikkasi säilyy.",
    lostTalk: "Yhteys katkesi. Keskustelusi säilyy.",
    offlineWaiting: "Laitteesi ei ole verkossa. Paikkasi säilyy.",
    offlineTalk: "Laitteesi ei ole verkossa. Keskustelusi säilyy.",
    retrying: "Yritämme koko ajan uudelleen. Mitä kirjoitat nyt, lähtee, kun yhteys palaa.",
    whenOnline: "Jatkamme heti, kun yhteys palaa. Mitä kirjoitat nyt, lähtee silloin.",
    back: "Yhteys palasi.",
    interruptedWaiting: "Palvelussa on häiriö. Paikkasi säilyy.",
    interruptedTalk: "Palvelussa on häiriö. Keskustelusi säilyy.",
    mayBeOld:
      "Sinun ei tarvitse tehdä mitään. Tiedot sijastasi ja odotusajastasi voivat olla vanhoja. Mitä kirjoitat nyt, lähtee, kun häiriö on ohi.",
    messagesWait: "Sinun ei tarvitse tehdä mitään. Viestisi lähtevät, kun häiriö on ohi.",
    over: "Häiriö on ohi.",
  },

  leave: {
    waitingTitle: "Haluatko poistua jonosta?",
    waitingText: "Menetät paikkasi. Jos tulet myöhemmin takaisin, aloitat jonon lopusta.",
    waitingStay: "Jatka odottamista",
    waitingLeave: "Poistu jonosta",
    talkTitle: "Haluatko lopettaa keskustelun?",
    talkText: "Keskustelu päättyy myös ammattilaiselta. Sen jälkeen voit tallentaa keskustelun itsellesi.",
    talkStay: "Jatka keskustelua",
    talkLeave: "Lopeta keskustelu",
    failed: "Lopettaminen ei onnistunut.",
  },
} as const;
