import { type Client, Code, createClient } from "@connectrpc/connect";
import { Capability, ConversationState } from "@kupla/contract/kupla/v1/conversation_pb";
import { ConversationService } from "@kupla/contract/kupla/v1/conversation_service_pb";
import type { Survey } from "@kupla/contract/kupla/v1/feedback_pb";
import { FeedbackService, type GetSurveyResponse } from "@kupla/contract/kupla/v1/feedback_service_pb";
import { GoAwayReason } from "@kupla/contract/kupla/v1/stream_pb";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { ConversationLog } from "./conversationLog.js";
import type { Environment } from "./environment.js";
import type { ConnectionStatus } from "./follower.js";
import { KuplaError } from "./kuplaError.js";
import { kuplaErrorOf } from "./kuplaErrorOf.js";
import { newRequestId } from "./newRequestId.js";
import { Outbox } from "./outbox.js";
import { attempt, repeat, type RepeatOptions } from "./repeat.js";
import type { SavedRecord } from "./savedRecord.js";
import { TryableSignals } from "./signals.js";
import { Store } from "./store.js";
import { Tabs } from "./tabs.js";
import type { ChatConversation, ChatState, Ended, FeedbackAnswer, Observable } from "./types.js";
import { wait } from "./wait.js";

/** How often it is told that one is typing. */
const typingEveryMs = 3_000;
/** How often it is told at most how far one has read. Of what comes faster, only the last matters. */
const markEveryMs = 300;
/** How long showing waits for the rest of a history that is on its way. */
const replayDelayMs = 250;

/** What a conversation is made of and tells to. */
export interface ConversationHost {
  readonly record: SavedRecord;
  /** Whether the conversation is still kept. */
  kept(): boolean;
  /** Told when the conversation is known to have ended, once. */
  ended(closeTime: Date): void;
  /** Told when it was closed, here or because another tab forgot it. */
  closed(): void;
}

/** One conversation of a resident. */
export class OpenConversation implements ChatConversation {
  readonly id: string;
  readonly state: Observable<ChatState>;
  readonly #environment: Environment;
  readonly #signals: TryableSignals;
  readonly #host: ConversationHost;
  readonly #service: Client<typeof ConversationService>;
  readonly #feedback: Client<typeof FeedbackService>;
  readonly #headers: { authorization: string };
  readonly #stop = new AbortController();
  readonly #store: Store<ChatState>;
  readonly #log: ConversationLog;
  readonly #outbox: Outbox;
  readonly #tabs: Tabs;
  #connection: ConnectionStatus = { connection: "connecting" };
  #ended: Ended | undefined;
  #closeTold = false;
  #typingTime = -Infinity;
  #readMark = 0;
  #marking = false;
  #leaveId: string | undefined;
  #survey: Promise<GetSurveyResponse> | undefined;

  /** Opens a conversation and begins to follow it. */
  constructor(environment: Environment, host: ConversationHost) {
    const { conversationId: id, participantId: me, accessToken } = host.record;
    this.id = id;
    this.#signals = new TryableSignals(environment.page);
    environment = this.#environment = { ...environment, page: this.#signals };
    this.#host = host;
    this.#service = createClient(ConversationService, environment.transport);
    this.#feedback = createClient(FeedbackService, environment.transport);
    this.#headers = { authorization: `Bearer ${accessToken}` };
    this.#store = new Store(() => this.#build());
    this.state = this.#store;
    this.#log = new ConversationLog(
      () => this.#logChanged(),
      () => this.#outbox.restart(),
    );
    this.#outbox = new Outbox(environment, {
      id,
      me,
      events: () => this.#log.events,
      last: () => this.#log.last,
      send: async (message, signal) => {
        const response = await this.#service.sendMessage({ conversationId: id, ...message }, this.#with(signal));
        return response.event?.sequence ?? 0;
      },
      // The stream would find out only at the end of its pause.
      answered: () => this.#isAway() && this.#signals.now(),
      changed: () => this.#store.changed(),
      announce: () => this.#tabs.announceOutbox(),
    });
    this.#tabs = new Tabs(environment, {
      id,
      log: this.#log,
      open: (signal) =>
        this.#service.followConversation({ conversationId: id, cursor: this.#log.begin() }, this.#with(signal)),
      connection: (status) => {
        const isBack = this.#isAway() && status.connection === "open";
        this.#connection = status;
        if (isBack) this.#signals.now(); // so that no message waits for the end of its pause
        // A connection that stands is told of together with what it brings.
        this.#store.changed(status.connection === "open" && this.#log.replaying ? replayDelayMs : 0);
      },
      outboxChanged: () => this.#outbox.reload(),
      tryNow: () => this.#signals.now(),
      forgotten: () => this.#forgotten(),
    });
    const unsubscribe = environment.page.subscribe((signal) => {
      // A page that the browser kept frozen hears nothing. Somebody else may be at the device by now.
      if (signal === "restored" && !host.kept()) this.#forgotten();
    });
    this.#stop.signal.addEventListener("abort", unsubscribe);
    this.#outbox.start();
    void this.#follow();
  }

  send(text: string): void {
    // Half a character cannot be sent; the service would store what the encoder makes of it, which is this.
    const whole = text.replace(/\p{Surrogate}/gu, "\uFFFD");
    if (whole.trim() === "") return;
    this.#outbox.add(whole);
    this.#typingTime = -Infinity; // the message ends the typing for the others; what is typed next begins it anew
  }

  retry(requestId: string): void {
    this.#outbox.retry(requestId);
  }

  discard(requestId: string): string | undefined {
    return this.#outbox.discard(requestId);
  }

  typing(): void {
    const now = this.#environment.now();
    if (now - this.#typingTime < typingEveryMs || !this.#can(Capability.SEND_MESSAGE)) return;
    this.#typingTime = now;
    // Tried once: what it tells is over before a repeat would arrive.
    attempt(this.#environment, this.#stop.signal, ({ signal }) =>
      this.#service.setTyping({ conversationId: this.id }, this.#with(signal)),
    ).catch(() => {});
  }

  markRead(sequence: number): void {
    // The service refuses a mark beyond the log.
    this.#readMark = Math.max(this.#readMark, Math.min(sequence, this.#log.last));
    void this.#mark();
  }

  async leave(): Promise<void> {
    const request = { conversationId: this.id, requestId: (this.#leaveId ??= newRequestId()) };
    try {
      await this.#repeat((options) => this.#service.leaveConversation(request, options));
    } catch (cause) {
      const error = kuplaErrorOf(cause);
      if (error.reason !== "CONVERSATION_CLOSED") throw error; // it has ended, which is what was asked for
    }
  }

  async stay(): Promise<void> {
    await this.#repeat((options) => this.#service.getConversation({ conversationId: this.id }, options));
  }

  tryNow(): void {
    this.#signals.now();
    this.#tabs.announceTry();
  }

  async survey(): Promise<Survey> {
    const { survey } = await this.#getSurvey();
    if (survey === undefined) throw new KuplaError("there is no survey", { code: Code.NotFound });
    return survey;
  }

  async submitFeedback(answers: readonly FeedbackAnswer[]): Promise<void> {
    const { feedbackToken } = await this.#getSurvey();
    const request = { feedbackToken, answers: answers.map(({ questionId, value }) => ({ questionId, value })) };
    // Without the access token: nothing is to tell whose answers these are.
    await repeat(this.#environment, this.#repeatOptions(), (options) =>
      this.#feedback.submitFeedback(request, options),
    );
  }

  close(): void {
    if (this.#stop.signal.aborted) return;
    this.#stop.abort();
    this.#outbox.close();
    this.#tabs.close();
    this.#log.close();
    this.#host.closed();
  }

  /** Closes a conversation that was forgotten elsewhere: nothing of it is to be left on this device, nor its screens. */
  #forgotten(): void {
    this.#ended = { reason: "not_found" };
    this.close();
    this.#log.forget();
    this.#outbox.forget();
    this.#store.changed();
  }

  async #follow(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      let ended: Ended | undefined;
      try {
        ended = await this.#tabs.follow(signal);
      } catch (cause) {
        ended = { reason: "failed", error: kuplaErrorOf(cause) };
      }
      if (signal.aborted || ended === undefined) return;
      this.#ended = ended;
      this.#store.changed();
      if (ended.reason !== GoAwayReason.SUPERSEDED) return;
      // Too many windows were open. The one that somebody looks at, or asks for, should be live.
      await this.#shown(signal);
      this.#ended = undefined;
      this.#connection = { connection: "lost" };
      this.#store.changed();
    }
  }

  /** Whether there is something to come back from: it stood, or was tried, and does not stand now. */
  #isAway(): boolean {
    const { connection } = this.#connection;
    return connection === "lost" || connection === "interrupted" || connection === "offline";
  }

  #shown(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        unsubscribe();
        resolve();
      };
      const unsubscribe = this.#signals.subscribe((pageSignal) => {
        if (pageSignal === "shown" || pageSignal === "restored" || pageSignal === "now") end();
      });
      signal.addEventListener("abort", end, { once: true });
    });
  }

  #logChanged(): void {
    this.#outbox.settle();
    const { conversation } = this.#log;
    if (conversation?.state === ConversationState.CLOSED && !this.#closeTold) {
      this.#closeTold = true;
      const { closeTime } = conversation;
      this.#host.ended(closeTime ? timestampDate(closeTime) : new Date(this.#environment.now()));
    }
    this.#store.changed(this.#log.replaying ? replayDelayMs : 0);
  }

  async #mark(): Promise<void> {
    if (this.#marking) return;
    this.#marking = true;
    const { participantId: me } = this.#host.record;
    try {
      while (this.#readMark > (this.#log.readMarks.get(me) ?? 0) && this.#can(Capability.MARK_READ)) {
        const sequence = this.#readMark;
        await this.#repeat(
          (options) => this.#service.markRead({ conversationId: this.id, sequence }, options),
          Number.POSITIVE_INFINITY,
        );
        this.#log.readMarks.set(me, Math.max(sequence, this.#log.readMarks.get(me) ?? 0));
        this.#store.changed();
        await wait(markEveryMs, this.#stop.signal);
      }
    } catch {
      // Refused, as when the conversation has just ended. The next mark tries again.
    } finally {
      this.#marking = false;
    }
  }

  /** Whether something may be done now. Before it is known, it may be tried. */
  #can(capability: Capability): boolean {
    const { conversation } = this.#log;
    return this.#ended === undefined && (conversation?.capabilities.includes(capability) ?? true);
  }

  #getSurvey(): Promise<GetSurveyResponse> {
    this.#survey ??= this.#repeat((options) => this.#feedback.getSurvey({ conversationId: this.id }, options)).catch(
      (error: unknown) => {
        this.#survey = undefined;
        throw error;
      },
    );
    return this.#survey;
  }

  #repeat<T>(
    call: (options: { signal: AbortSignal; headers: { authorization: string } }) => Promise<T>,
    giveUpAfterMs?: number,
  ): Promise<T> {
    return repeat(this.#environment, this.#repeatOptions(giveUpAfterMs), ({ signal }) => call(this.#with(signal)));
  }

  #repeatOptions(giveUpAfterMs = this.#environment.giveUpAfterMs): RepeatOptions {
    return { signal: this.#stop.signal, giveUpAfterMs };
  }

  #with(signal: AbortSignal): { signal: AbortSignal; headers: { authorization: string } } {
    return { signal, headers: this.#headers };
  }

  #build(): ChatState {
    const log = this.#log;
    const { participantId: me } = this.#host.record;
    const ended = this.#ended;
    return Object.freeze({
      connection: ended === undefined ? this.#connection.connection : "ended",
      retryTime: ended === undefined ? this.#connection.retryTime : undefined,
      ended,
      conversation: log.conversation,
      me,
      capabilities: new Set(log.conversation?.capabilities),
      place: log.place,
      expireTime: log.snapshot?.expireTime,
      events: log.events,
      caughtUp: log.caughtUp,
      readMarks: new Map(log.readMarks),
      presences: new Map(log.presences),
      typing: Object.freeze([...log.typing.keys()].filter((participantId) => participantId !== me)),
      outbox: Object.freeze(this.#outbox.visible),
    });
  }
}
