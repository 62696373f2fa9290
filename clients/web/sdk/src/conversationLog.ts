import { create } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import {
  type Conversation,
  ConversationSnapshotSchema,
  type ConversationSnapshot,
  type Event,
  EventsSchema,
  type Place,
  PresenceSchema,
  ReadMarkSchema,
  type Presence,
} from "@kupla/contract/kupla/v1/conversation_pb";
import {
  FollowConversationResponseSchema,
  type FollowConversationResponse,
} from "@kupla/contract/kupla/v1/conversation_service_pb";
import { GoAwayReason } from "@kupla/contract/kupla/v1/stream_pb";
import { durationMs, FatalError, type Step } from "./follower.js";
import { KuplaError } from "./kuplaError.js";
import { Progress } from "./progress.js";

/** After how long somebody who said nothing more no longer types. */
export const typingExpiresMs = 6_000;
/** How often in a row the same event may be missing before following ends. */
const maxGaps = 3;

/**
 * What is known of one conversation, and where its log is to be followed from. It takes in frames, from the service
 * or from another tab, and sees to it that each event comes once and in order whatever the frames repeat.
 */
export class ConversationLog {
  cursor = "";
  conversation: Conversation | undefined;
  place: Place | undefined;
  snapshot: ConversationSnapshot | undefined;
  caughtUp = false;
  readonly readMarks = new Map<string, number>();
  readonly presences = new Map<string, Presence>();
  readonly typing = new Map<string, ReturnType<typeof setTimeout>>();

  #events: Event[] = [];
  #shared: readonly Event[] | undefined;
  readonly #progress = new Progress();
  /**
   * Set while a stream from the very beginning brings again what was taken in before. The cursor stays where it was
   * until the stream has come that far.
   */
  #rewound = false;
  #awaitsSnapshot = true;
  readonly #changed: () => void;
  readonly #restarted: () => void;

  /** Makes an empty log that tells when something changed, and when all that was known had to be forgotten. */
  constructor(changed: () => void, restarted: () => void) {
    this.#changed = changed;
    this.#restarted = restarted;
  }

  /** The log so far. The list never changes; another event makes another list. */
  get events(): readonly Event[] {
    return (this.#shared ??= Object.freeze([...this.#events]));
  }

  /** The number of the last event. */
  get last(): number {
    return this.#progress.last;
  }

  /** Whether frames still bring what had happened already, so that showing can wait for the rest. */
  get replaying(): boolean {
    return this.#awaitsSnapshot || !this.#progress.caughtUp;
  }

  /** Begins a stream and returns the cursor to ask for. */
  begin(): string {
    this.#awaitsSnapshot = true;
    this.#progress.stream = this.#rewound ? 0 : this.#progress.last;
    return this.#rewound ? "" : this.cursor;
  }

  /** Goes back to the beginning with the next stream, as when the cursor is not accepted. */
  rewind(): void {
    this.#rewound = true;
  }

  /** Takes in a frame. Throws when the stream cannot be gone on with. */
  take({ cursor, frame }: FollowConversationResponse): Step {
    const step: Step = {};
    switch (frame.case) {
      case "events": {
        const { events } = frame.value;
        for (const event of events) {
          const verdict = this.#progress.take(event.sequence);
          if (verdict === "missing") this.#gap(event.sequence);
          // The cursor stands behind the last of them.
          const moves = event === events.at(-1) ? cursor : "";
          if (verdict === "fresh" || this.#rewound) this.#moveTo(moves);
          if (verdict === "fresh") this.#add(event);
        }
        break;
      }
      case "snapshot": {
        const last = frame.value.conversation?.lastSequence ?? 0;
        if (this.#awaitsSnapshot) {
          this.#awaitsSnapshot = false;
          if (last < this.#progress.last) {
            this.#startOver("");
            throw new KuplaError("the service lost part of the log", { code: Code.DataLoss });
          }
          this.#progress.target = last;
        }
        this.#moveTo(cursor);
        this.#show(frame.value);
        break;
      }
      case "reset":
        this.#startOver(cursor);
        break;
      case "place":
        this.#moveTo(cursor);
        this.place = frame.value;
        break;
      case "typing":
        this.#moveTo(cursor);
        this.#type(frame.value.participantId);
        break;
      case "readMark":
        this.#moveTo(cursor);
        this.#read(frame.value.participantId, frame.value.sequence);
        break;
      case "presence":
        this.#moveTo(cursor);
        this.presences.set(frame.value.participantId, frame.value);
        break;
      case "heartbeat":
        this.#moveTo(cursor);
        step.intervalMs = durationMs(frame.value.interval);
        step.interrupted = frame.value.interrupted;
        break;
      case "goAway":
        if (frame.value.reason === GoAwayReason.CONVERSATION_CLOSED && !this.#progress.caughtUp) {
          this.#progress.gaps++;
          this.#gap(0);
        }
        this.#moveTo(cursor);
        step.away = frame.value;
        break;
      default: // a frame of a later version
        this.#moveTo(cursor);
    }
    if (!this.#awaitsSnapshot && this.#progress.caughtUp) this.caughtUp = true;
    this.#changed();
    return step;
  }

  /**
   * What a log that has the events up to a number has to take in to know what this one knows. Only the last frame has
   * the cursor: whoever has all of them stands where this log stands.
   */
  replay(after: number): FollowConversationResponse[] {
    const frames: FollowConversationResponse[] = [];
    if (this.snapshot !== undefined) {
      const value = create(ConversationSnapshotSchema, {
        ...this.snapshot,
        place: this.place,
        readMarks: [...this.readMarks].map(([participantId, sequence]) =>
          create(ReadMarkSchema, { participantId, sequence }),
        ),
        presences: [...this.presences.values()].map((presence) => create(PresenceSchema, presence)),
      });
      frames.push(create(FollowConversationResponseSchema, { frame: { case: "snapshot", value } }));
    }
    const events = this.#events.slice(after);
    if (events.length > 0) {
      const value = create(EventsSchema, { events });
      frames.push(create(FollowConversationResponseSchema, { frame: { case: "events", value } }));
    }
    const last = frames.at(-1);
    if (last !== undefined) last.cursor = this.cursor;
    return frames;
  }

  /** Ends what would happen later. */
  close(): void {
    for (const timer of this.typing.values()) clearTimeout(timer);
    this.typing.clear();
  }

  /** Forgets all that it knows. There is nothing to go on with afterwards. */
  forget(): void {
    this.close();
    this.conversation = this.place = this.snapshot = undefined;
    this.readMarks.clear();
    this.presences.clear();
    this.#events = [];
    this.#shared = undefined;
  }

  #add(event: Event): void {
    this.#events.push(event);
    this.#shared = undefined;
    if (event.kind.case === "messagePosted") this.#stopTyping(event.participantId);
  }

  #show(snapshot: ConversationSnapshot): void {
    this.snapshot = snapshot;
    this.conversation = snapshot.conversation;
    this.place = snapshot.place;
    for (const mark of snapshot.readMarks) this.#read(mark.participantId, mark.sequence);
    this.presences.clear();
    for (const presence of snapshot.presences) this.presences.set(presence.participantId, presence);
  }

  #read(participantId: string, sequence: number): void {
    this.readMarks.set(participantId, Math.max(sequence, this.readMarks.get(participantId) ?? 0));
  }

  #type(participantId: string): void {
    clearTimeout(this.typing.get(participantId));
    this.typing.set(
      participantId,
      setTimeout(() => {
        this.#stopTyping(participantId);
        this.#changed();
      }, typingExpiresMs),
    );
  }

  #stopTyping(participantId: string): void {
    clearTimeout(this.typing.get(participantId));
    this.typing.delete(participantId);
  }

  /**
   * Breaks the stream at an event that came instead of the next one, and has the next stream look for it: from the
   * cursor at first, then from the beginning.
   */
  #gap(got: number): never {
    const { gaps, last } = this.#progress;
    this.#rewound = gaps > 1;
    const message = `event ${last + 1} is missing, ${got} came instead`;
    throw gaps >= maxGaps ? new FatalError(message) : new KuplaError(message, { code: Code.DataLoss });
  }

  /** Forgets what was taken in. */
  #startOver(cursor: string): void {
    this.cursor = cursor;
    this.#rewound = false;
    this.#progress.last = this.#progress.stream = this.#progress.gaps = 0;
    this.#awaitsSnapshot = true;
    this.caughtUp = false;
    this.#events = [];
    this.#shared = undefined;
    this.readMarks.clear();
    this.presences.clear();
    this.close();
    this.#restarted();
    this.#changed();
  }

  /** Takes over the cursor of a frame. */
  #moveTo(cursor: string): void {
    if (this.#rewound && this.#progress.stream < this.#progress.last) return;
    this.#rewound = false;
    if (cursor !== "") this.cursor = cursor;
  }
}
