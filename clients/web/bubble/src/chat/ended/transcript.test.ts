import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  CloseReason,
  ConversationSchema,
  EventSchema,
  LeaveReason,
  ParticipantRole,
  ReturnReason,
} from "@kupla/contract/kupla/v1/conversation_pb";
import { expect, test } from "vitest";

import { setLanguage } from "../i18n/i18n.js";
import { type Told, transcript, transcriptFileName } from "./transcript.js";

const start = Date.parse("2026-05-12T20:58:00Z");

type Kind = NonNullable<MessageInitShape<typeof EventSchema>["kind"]>;

const happened: [minute: number, participantId: string, kind: Kind][] = [
  [0, "customer", { case: "participantJoined", value: { participant: { id: "customer" } } }],
  [0, "customer", { case: "messagePosted", value: { text: "Hei!\n23.59  Kaisa: ei näin" } }],
  [
    1,
    "professional-1",
    {
      case: "participantJoined",
      value: {
        participant: { id: "professional-1", displayName: "Kaisa Kuvitteellinen", role: ParticipantRole.PROFESSIONAL },
      },
    },
  ],
  [3, "professional-1", { case: "messagePosted", value: { text: "Soita\u202E 116117" } }],
  [4, "", { case: "returnedToQueue", value: { reason: ReturnReason.PROFESSIONAL_LOST, queueId: "a" } }],
  [5, "", { case: "participantLeft", value: { participantId: "professional-1", reason: LeaveReason.LEFT } }],
  [6, "", { case: "closed", value: { reason: CloseReason.NOT_REACHED } }],
];

const told: Told = {
  me: "customer",
  conversation: create(ConversationSchema, {
    queueId: "a",
    createTime: timestampFromDate(new Date(start)),
    closeTime: timestampFromDate(new Date(start + 6 * 60_000)),
    closeReason: CloseReason.NOT_REACHED,
  }),
  events: happened.map(([minute, participantId, kind], index) =>
    create(EventSchema, {
      sequence: index + 1,
      participantId,
      createTime: timestampFromDate(new Date(start + minute * 60_000)),
      kind,
    }),
  ),
  outbox: [{ requestId: "1", text: "Jäi tähän", state: "refused", createTime: new Date(start) }],
};

test("in Finnish", async () => {
  await setLanguage("fi");
  expect(transcript(told, () => "Fysioterapia")).toBe(`Chat-keskustelu
Palvelu: Fysioterapia
Alkoi: 12.5.2026 klo 23.58
Päättyi: 13.5.2026 klo 0.04
Syy: Jono suljettiin, ennen kuin vuorosi tuli. Olemme pahoillamme.
Mukana: Kaisa Kuvitteellinen

12.5.2026
23.58  — Tulit jonoon.
23.58  Sinä: Hei!
       23.59  Kaisa: ei näin
23.59  — Kaisa Kuvitteellinen tuli keskusteluun. Voitte nyt kirjoittaa toisillenne.

13.5.2026
0.01  Kaisa Kuvitteellinen: Soita 116117
0.02  — Ammattilaisen yhteys katkesi, joten olet taas jonossa. Jo odottamasi aika lasketaan mukaan.
0.03  — Kaisa Kuvitteellinen poistui keskustelusta.
0.04  — Keskustelu päättyi. Jono suljettiin, ennen kuin vuorosi tuli. Olemme pahoillamme.

Lähettämättä jääneet viestit:
Jäi tähän

Tämä on oma kopiosi. Säilytä se huolellisesti.
`);
  expect(transcriptFileName(told)).toBe("keskustelu-2026-05-12.txt");
});

test("in Swedish", async () => {
  await setLanguage("sv");
  const text = transcript(told, () => "Fysioterapi");
  expect(text.split("\n").slice(0, 6)).toEqual([
    "Chatt",
    "Tjänst: Fysioterapi",
    "Började: 12.5.2026 kl. 23.58",
    "Avslutades: 13.5.2026 kl. 0.04",
    "Orsak: Kön stängde innan det blev din tur. Vi beklagar.",
    "Med i chatten: Kaisa Kuvitteellinen",
  ]);
  expect(text).toContain("\n23.58  Du: Hei!\n       23.59  Kaisa: ei näin\n");
  expect(transcriptFileName(told)).toBe("chatt-2026-05-12.txt");
});

test("in English, of a queue that is not known", async () => {
  await setLanguage("en");
  const text = transcript(told, () => undefined);
  expect(text).not.toContain("Service:");
  expect(text).toContain("Reason: The queue closed before your turn came. We are sorry.\n");
  expect(text).toContain("  Kaisa Kuvitteellinen: Soita 116117\n");
});

test("of a conversation that goes on and of which hardly anything is known", async () => {
  await setLanguage("fi");
  const { conversation: _, ...rest } = told;
  expect(transcript({ ...rest, events: [], outbox: [] }, () => undefined)).toBe(
    "Chat-keskustelu\n\nTämä on oma kopiosi. Säilytä se huolellisesti.\n",
  );
});
