import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  ConversationSchema,
  type Event,
  EventSchema,
  LeaveReason,
  ParticipantRole,
} from "@kupla/contract/kupla/v1/conversation_pb";
import { expect, test } from "vitest";

import { peopleOf, samePeople } from "./people.js";

function log(...kinds: [participantId: string, kind: MessageInitShape<typeof EventSchema>["kind"]][]): Event[] {
  return kinds.flatMap(([participantId, kind], index) =>
    kind ? [create(EventSchema, { sequence: index + 1, participantId, kind })] : [],
  );
}

function joins(id: string, displayName: string): [string, MessageInitShape<typeof EventSchema>["kind"]] {
  const role = id === "customer" ? ParticipantRole.CUSTOMER : ParticipantRole.PROFESSIONAL;
  return [id, { case: "participantJoined", value: { participant: { id, displayName, role } } }];
}

test("names and who is there come from the log", () => {
  const people = peopleOf(
    undefined,
    log(joins("customer", ""), joins("professional-1", "Kaisa"), joins("professional-2", "Matti"), [
      "",
      { case: "participantLeft", value: { participantId: "professional-2", reason: LeaveReason.LEFT } },
    ]),
    "customer",
  );
  expect([...people.names]).toEqual([
    ["professional-1", "Kaisa"],
    ["professional-2", "Matti"],
  ]);
  expect(people.professionals).toEqual(["professional-1"]);
});

test("a transfer to a colleague changes who is there, one to a queue leaves nobody", () => {
  const toColleague = log(
    joins("professional-1", "Kaisa"),
    ["professional-1", { case: "transferred", value: { queueId: "b", participantId: "professional-2" } }],
    joins("professional-2", "Matti"),
  );
  expect(peopleOf(undefined, toColleague, "customer").professionals).toEqual(["professional-2"]);
  const toQueue = [
    ...toColleague,
    ...log(["professional-2", { case: "transferred", value: { queueId: "c", participantId: "" } }]),
  ];
  expect(peopleOf(undefined, toQueue, "customer").professionals).toEqual([]);
});

test("a name that the log does not have comes from the conversation", () => {
  const conversation = create(ConversationSchema, { participants: [{ id: "professional-1", displayName: "Kaisa" }] });
  const people = peopleOf(conversation, [], "customer");
  expect(people.names.get("professional-1")).toBe("Kaisa");
  expect(samePeople(people, peopleOf(conversation, [], "customer"))).toBe(true);
  expect(samePeople(people, peopleOf(undefined, [], "customer"))).toBe(false);
});
