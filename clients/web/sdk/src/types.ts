import type { Timestamp } from "@bufbuild/protobuf/wkt";
import type { Transport } from "@connectrpc/connect";
import type { Capability, Conversation, Event, Place, Presence } from "@kupla/contract/kupla/v1/conversation_pb";
import type { Survey, SurveyAnswer } from "@kupla/contract/kupla/v1/feedback_pb";
import type { QueueWithStatus } from "@kupla/contract/kupla/v1/queue_service_pb";
import type { GoAwayReason } from "@kupla/contract/kupla/v1/stream_pb";
import type { KuplaError } from "./kuplaError.js";

/** A value that tells when it changes. The values are immutable: what changed is a new object. */
export interface Observable<T> {
  /** The value now. */
  readonly value: T;
  /**
   * Calls the listener after each change, once for all that changed together. It is not called with the value that
   * holds already. Returns what ends the subscription.
   */
  subscribe(listener: (value: T) => void): () => void;
}

/** What the SDK keeps between page loads, as `localStorage` does. */
export type KeyValueStorage = Pick<Storage, "getItem" | "setItem" | "removeItem" | "key" | "length">;

/** What the SDK hears of the page that it runs in. The default listens to `window` and `document`. */
export interface PageSignals {
  /** False while the browser knows that there is no network. True means nothing. */
  readonly online: boolean;
  /** True while nobody can see the page. */
  readonly hidden: boolean;
  /**
   * Calls the listener when the network came or went, when the page was shown or hidden, and when it came back from
   * where the browser had kept it frozen.
   */
  subscribe(listener: (signal: PageSignal) => void): () => void;
}

/** One change of the page. */
export type PageSignal = "online" | "offline" | "shown" | "hidden" | "restored";

/** A channel between the tabs of one browser. */
export type TabChannel = Pick<BroadcastChannel, "onmessage" | "postMessage" | "close">;

/** How long to pause between attempts, in milliseconds: a random time up to a bound that doubles. */
export interface Backoff {
  /** The bound of the first pause. */
  readonly initialMs: number;
  /** The largest bound. */
  readonly maxMs: number;
}

/** How a Kupla is made. Everything but the address has a default that is right for a page. */
export interface KuplaOptions {
  /** Where the service is, such as "https://chat.example". */
  baseUrl: string;
  /** Where to keep conversations. Default `localStorage`. Where it cannot be used, memory takes its place. */
  storage?: KeyValueStorage | undefined;
  /** Begins the name of everything that is kept and of every lock and channel. Default "kupla". */
  storagePrefix?: string | undefined;
  /** Sends requests. Default the page's own `fetch`. */
  fetch?: typeof globalThis.fetch | undefined;
  /** Carries the calls, in place of HTTP. The address and `fetch` then have no effect. */
  transport?: Transport | undefined;
  /** Locks between tabs, or null to do without. Default `navigator.locks`. */
  locks?: Pick<LockManager, "request"> | null | undefined;
  /** Opens a channel between tabs, or null to do without. Default makes a `BroadcastChannel`. */
  openChannel?: ((name: string) => TabChannel) | null | undefined;
  /** Tells of the page. Default listens to `window` and `document`. */
  page?: PageSignals | undefined;
  /** The time in milliseconds since 1970. Default `Date.now`. */
  now?: (() => number) | undefined;
  /** A random number from 0 up to 1, for pauses. Default `Math.random`. */
  random?: (() => number) | undefined;
  /** The pauses before a stream is opened again. Default 250 ms to 15 s. */
  reconnect?: Backoff | undefined;
  /** The pauses before a call is repeated. Default 100 ms to 5 s. */
  retry?: Backoff | undefined;
  /** How long one attempt of a call may take, in milliseconds. Default 10 s. */
  attemptTimeoutMs?: number | undefined;
  /** After how long a call that somebody waits for is given up, in milliseconds. Default 2 minutes. */
  giveUpAfterMs?: number | undefined;
}

/** The resident's side of one Kupla service. */
export interface Kupla {
  /** Whether what is kept survives a reload. Turns to "memory" when the browser refuses to keep anything. */
  readonly storage: "persistent" | "memory";
  /** Follows all queues until closed. It takes a stream of its own: close it when nobody looks at the queues. */
  watchQueues(): QueuesWatch;
  /**
   * Starts to wait in a queue. The start is kept before it is sent: the same start asked for again within 10 minutes,
   * also after a reload, is the same conversation. Fails with a {@link KuplaError}. While the service cannot be reached,
   * is interrupted or has too much to do, it is tried again by itself, and `retrying` is called before each pause.
   */
  start(options: StartOptions, retrying?: (retry: Retry) => void): Promise<ChatConversation>;
  /** The start whose outcome is not known, as after a reload in the middle of it. Give it to start to go on. */
  unfinishedStart(): StartOptions | undefined;
  /** Forgets the start whose outcome is not known. */
  dropUnfinishedStart(): void;
  /** The conversations that are kept, latest start first. */
  saved(): SavedConversation[];
  /**
   * Goes on with a conversation that is kept. Opening it twice gives the same object until it is closed.
   * Throws a {@link KuplaError} with code not_found when it is not kept.
   */
  open(conversationId: string): ChatConversation;
  /**
   * Closes a conversation in this tab and removes everything that is kept of it. Other tabs that have it open close it
   * as well and show nothing of it any more, unless they are to be let be.
   */
  forget(conversationId: string, options?: { readonly letOthersBe?: boolean }): void;
}

/** What conversation to start. */
export interface StartOptions {
  /** The queue to wait in. */
  readonly queueId: string;
  /** The resident's language, one that the queue serves. */
  readonly language: string;
  /** The name to be called by. */
  readonly displayName?: string | undefined;
  /** The first message. */
  readonly message?: string | undefined;
  /** The version of the notice that was shown, from the queue. */
  readonly noticeVersion?: string | undefined;
}

/** A call that has not succeeded yet and is made again by itself. */
export interface Retry {
  /** Why the last try failed. */
  readonly error: KuplaError;
  /** When the next one is made. */
  readonly retryTime: Date;
}

/** What is kept of a conversation, as far as it may be shown. */
export interface SavedConversation {
  readonly conversationId: string;
  /** The queue it was started in. */
  readonly queueId: string;
  readonly language: string;
  readonly startTime: Date;
  /** Whether it is known to have ended. */
  readonly closed: boolean;
}

/** The queues while they are followed. */
export interface QueuesWatch {
  readonly state: Observable<QueuesState>;
  /** Tries to connect at once, where there is no connection: somebody does not want to wait for the end of a pause. */
  tryNow(): void;
  /** Stops following. */
  close(): void;
}

/** The queues now. */
export interface QueuesState {
  readonly connection: ConnectionState;
  /** When the next try to connect is made, while there is no stream. */
  readonly retryTime?: Date | undefined;
  readonly ended?: Ended | undefined;
  /** The queues in the catalogue's order. Undefined until they are known; kept while the connection is not open. */
  readonly queues?: readonly QueueWithStatus[] | undefined;
  /** When a frame last told how the queues are. */
  readonly updateTime?: Date | undefined;
}

/**
 * What to show of a connection.
 *
 * - connecting: the first one is being made.
 * - open: it stands.
 * - interrupted: the service says that it is interrupted. Nothing new is told until it is over, and what is sent waits;
 *   nothing is lost, and nobody needs to do anything. It is so until a stream tells that it is over.
 * - lost: it was lost and is tried again.
 * - offline: the browser knows that there is no network; it goes on by itself when there is.
 * - ended: it will not come back, see {@link Ended}.
 */
export type ConnectionState = "connecting" | "open" | "interrupted" | "lost" | "offline" | "ended";

/** Why a stream will not come back. */
export interface Ended {
  /**
   * The reason that the service gave for ending the stream, or what it refused with. "failed" is any other refusal:
   * see error.
   */
  readonly reason: GoAwayReason | "unauthenticated" | "not_found" | "failed";
  /** The refusal, where there was one. */
  readonly error?: KuplaError | undefined;
}

/** One conversation of a resident. */
export interface ChatConversation {
  readonly id: string;
  readonly state: Observable<ChatState>;
  /** Puts a message into the outbox. It is sent in order, repeated until it is answered, and survives a reload. */
  send(text: string): void;
  /** Sends a refused message again. */
  retry(requestId: string): void;
  /** Takes a refused message out of the outbox and returns its text, to be edited. Undefined when it is not there. */
  discard(requestId: string): string | undefined;
  /** Tells that one is typing. Call it on every keystroke; it is sent at most every 3 seconds. */
  typing(): void;
  /** Tells how far one has read. The furthest counts; it is sent at most once at a time. */
  markRead(sequence: number): void;
  /** Leaves, which ends the conversation. Fails with a {@link KuplaError} when it cannot be told whether it did. */
  leave(): Promise<void>;
  /** Tells that one is still here. */
  stay(): Promise<void>;
  /**
   * Tries at once what was lost or waits, the messages in the outbox too, in all tabs: somebody does not want to
   * wait for the end of a pause. It also brings back a conversation that was open in too many windows.
   */
  tryNow(): void;
  /** The questions to ask after the end. */
  survey(): Promise<Survey>;
  /** Answers the survey. The same answers submitted again change nothing. */
  submitFeedback(answers: readonly FeedbackAnswer[]): Promise<void>;
  /** Stops following in this tab. What is kept stays, unsent messages too. */
  close(): void;
}

/** One answer to a survey: `{questionId, value: {case: "score", value: 9}}`. */
export type FeedbackAnswer = Pick<SurveyAnswer, "questionId" | "value">;

/** A conversation now. */
export interface ChatState {
  readonly connection: ConnectionState;
  /** When the next try to connect is made, while there is no stream. */
  readonly retryTime?: Date | undefined;
  /** Why the connection will not come back. */
  readonly ended?: Ended | undefined;
  /** The conversation as the service last told it. Undefined until it did. */
  readonly conversation?: Conversation | undefined;
  /** The resident's own participant id. */
  readonly me?: string | undefined;
  /** What may be done now. */
  readonly capabilities: ReadonlySet<Capability>;
  /** The place in the queue. Undefined when the conversation does not wait. */
  readonly place?: Place | undefined;
  /** When the conversation expires unless the resident does something. Undefined when there was no warning. */
  readonly expireTime?: Timestamp | undefined;
  /** The log so far, from its beginning, in order, each event once. */
  readonly events: readonly Event[];
  /** True once everything is there that had happened when the connection was first made. Until then: history. */
  readonly caughtUp: boolean;
  /** How far each participant has read, by participant id. */
  readonly readMarks: ReadonlyMap<string, number>;
  /** Who is there, by participant id. */
  readonly presences: ReadonlyMap<string, Presence>;
  /** The participants who type, by participant id; never oneself. */
  readonly typing: readonly string[];
  /** The messages that are not in the log yet, in order. */
  readonly outbox: readonly OutboxMessage[];
}

/** A message on its way. */
export interface OutboxMessage {
  /** Identifies the message, and makes its repeats safe. */
  readonly requestId: string;
  readonly text: string;
  /**
   * - sending: being sent, or next in line.
   * - waiting: it could not be sent yet and is tried again.
   * - refused: the service does not take it; see error.
   */
  readonly state: "sending" | "waiting" | "refused";
  /** Why it was refused, or why the last try failed. */
  readonly error?: KuplaError | undefined;
  readonly createTime: Date;
}
