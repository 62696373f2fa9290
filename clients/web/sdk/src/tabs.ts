import { fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  FollowConversationResponseSchema,
  type FollowConversationResponse,
} from "@kupla/contract/kupla/v1/conversation_service_pb";
import type { ConversationLog } from "./conversationLog.js";
import type { Environment } from "./environment.js";
import { type ConnectionStatus, defaultHeartbeatMs, follow, type Followed } from "./follower.js";
import { errorOf, type PlainError, plainOf } from "./kuplaError.js";
import { newRequestId } from "./newRequestId.js";
import type { Ended, TabChannel } from "./types.js";
import { childOf, wait } from "./wait.js";

/** What the tabs that show one conversation say to each other. Frames go as bytes, which every version can read. */
type TabMessage =
  /** A tab does not know what it missed after an event, and asks the leader. */
  | { type: "hello"; from: string; after: number }
  /** The leader's answer. */
  | { type: "replay"; to: string; frames: Uint8Array[]; status: ConnectionStatus }
  /** The leader opens a stream. */
  | { type: "stream" }
  /** The leader received a frame. */
  | { type: "frame"; frame: Uint8Array }
  /** How the leader's connection is. */
  | { type: "status"; status: ConnectionStatus }
  /** The stream will not come back. */
  | { type: "ended"; reason: Ended["reason"]; error?: PlainError | undefined; last: number }
  /** The outbox, or what is kept of the conversation, has changed. */
  | { type: "outbox" }
  /** Somebody wants it tried at once. */
  | { type: "try" }
  /** The conversation was forgotten. */
  | { type: "forgotten" };

/** How long a tab waits for the leader's answer. */
const answerMs = 3_000;
/** After how long without a word the leader is given up. */
const silenceMs = 2 * defaultHeartbeatMs;

/** How much later than the word of the end the lock is let go. */
const partingMs = 500;

/** What one tab does with what is followed. */
export interface TabsHost {
  readonly id: string;
  readonly log: ConversationLog;
  open(signal: AbortSignal): AsyncIterable<FollowConversationResponse>;
  connection(status: ConnectionStatus): void;
  /** Another tab says that the outbox has changed. */
  outboxChanged(): void;
  /** Another tab says that it is to be tried at once. */
  tryNow(): void;
  /** Another tab says that the conversation was forgotten. */
  forgotten(): void;
}

/**
 * The tabs of one browser that show one conversation. The one that holds the lock follows it and hands the frames on,
 * so that all of them take one stream; the next one goes on from its own cursor. Where the browser has no locks or no
 * channels, each tab follows by itself.
 */
export class Tabs {
  readonly #environment: Environment;
  readonly #host: TabsHost;
  readonly #channel: TabChannel | undefined;
  readonly #me = newRequestId();
  #leading = false;
  /** Whether all frames from the leader fit behind what the log has. */
  #synchronised = false;
  #status: ConnectionStatus = { connection: "connecting" };
  /** By when the leader must have said something, in milliseconds since 1970. */
  #deadline = 0;
  #asked = 0;
  /** Ends the wait for the lock, with what another tab said or in order to take it. */
  #waiting: AbortController | undefined;

  constructor(environment: Environment, host: TabsHost) {
    this.#environment = environment;
    this.#host = host;
    this.#channel = openChannel(environment, host.id);
    if (this.#channel !== undefined) {
      this.#channel.onmessage = ({ data }) => this.#hear(data as TabMessage);
    }
  }

  /** Follows until the signal, or until the service ends it, and returns why it did. */
  async follow(signal: AbortSignal): Promise<Ended | undefined> {
    const { locks, prefix } = this.#environment;
    if (locks === undefined || this.#channel === undefined) return this.#lead(signal);
    let steal = false;
    while (!signal.aborted) {
      const leading = childOf(signal);
      const waiting = (this.#waiting = childOf(signal));
      const stopWatch = this.#watch();
      try {
        return await new Promise<Ended | undefined>((resolve, reject) => {
          locks
            .request(`${prefix}.follow.${this.#host.id}`, steal ? { steal } : { signal: waiting.signal }, async () => {
              stopWatch();
              const ended = signal.aborted ? undefined : await this.#lead(leading.signal);
              resolve(ended);
              // The lock is let go a little later: the others are to hear of the end before one of them has it.
              if (ended !== undefined) await wait(partingMs, signal);
            })
            .catch(reject);
        });
      } catch (error) {
        if (waiting.signal.aborted) {
          const { reason } = waiting.signal;
          if (reason instanceof SaidToEnd) return reason.ended;
          steal = reason instanceof LeaderLost;
        } else if (error instanceof DOMException && error.name === "AbortError") {
          steal = false; // another tab took the lock
        } else {
          return await this.#lead(signal); // no locks here, as in a frame without an origin
        }
      } finally {
        stopWatch();
        leading.abort();
        waiting.abort();
        this.#leading = false;
      }
    }
    return undefined;
  }

  /** Tells the other tabs that what is kept has changed. */
  announceOutbox(): void {
    this.#say({ type: "outbox" });
  }

  /** Asks the other tabs to try at once: one of them may be the one that follows. */
  announceTry(): void {
    this.#say({ type: "try" });
  }

  close(): void {
    this.#channel?.close();
  }

  /** Follows for all tabs. */
  async #lead(signal: AbortSignal): Promise<Ended | undefined> {
    this.#leading = true;
    const { log } = this.#host;
    const before = this.#status.connection;
    const followed: Followed<FollowConversationResponse> = {
      open: (streamSignal) => {
        this.#say({ type: "stream" });
        return this.#host.open(streamSignal);
      },
      take: (frame) => {
        this.#say({ type: "frame", frame: toBinary(FollowConversationResponseSchema, frame) });
        return log.take(frame);
      },
      connection: (status) => {
        // Who takes over from another tab has had a connection already.
        const told: ConnectionStatus =
          status.connection === "connecting" && before !== "connecting"
            ? { connection: before === "interrupted" ? before : "lost" }
            : status;
        this.#set(told);
        this.#say({ type: "status", status: told });
      },
      mend: (error) => {
        if (error.reason !== "CURSOR_MALFORMED" || log.cursor === "") return false;
        log.cursor = "";
        log.rewind();
        return true;
      },
    };
    const ended = await follow(this.#environment, followed, signal);
    if (ended !== undefined) {
      const error = ended.error && plainOf(ended.error);
      this.#say({ type: "ended", reason: ended.reason, error, last: log.last });
    }
    return ended;
  }

  /** Watches the leader while this tab waits for the lock, and asks it what there is. */
  #watch(): () => void {
    const { page, now } = this.#environment;
    this.#synchronised = false;
    this.#deadline = now() + answerMs;
    this.#ask();
    const unsubscribe = page.subscribe((signal) => {
      // It may have been long since this tab last ran.
      if (signal === "shown" || signal === "restored" || signal === "online" || signal === "now") this.#check();
    });
    let looked = now();
    const timer = setInterval(() => {
      if (now() - looked > answerMs) this.#check();
      looked = now();
      if (now() < this.#deadline || page.hidden) return;
      this.#waiting?.abort(new LeaderLost());
    }, 1_000);
    return () => {
      unsubscribe();
      clearInterval(timer);
    };
  }

  /** Asks the leader for a word within a short time. */
  #check(): void {
    this.#deadline = this.#environment.now() + answerMs;
    this.#ask();
  }

  #ask(): void {
    this.#asked = this.#environment.now();
    this.#say({ type: "hello", from: this.#me, after: this.#host.log.last });
  }

  #hear(message: TabMessage): void {
    switch (message.type) {
      case "hello":
        if (this.#leading) this.#answer(message.from, message.after);
        return;
      case "outbox":
        this.#host.outboxChanged();
        return;
      case "try":
        this.#host.tryNow();
        return;
      case "forgotten":
        this.#host.forgotten();
        return;
      default:
    }
    if (this.#leading) return; // the last words of the one before
    this.#deadline = this.#environment.now() + silenceMs;
    const { log } = this.#host;
    switch (message.type) {
      case "replay":
        if (message.to !== this.#me) return;
        log.begin();
        this.#synchronised = true;
        this.#set(message.status);
        for (const frame of message.frames) this.#take(frame);
        return;
      case "stream":
        log.begin();
        return;
      case "frame":
        this.#take(message.frame);
        return;
      case "status":
        if (this.#synchronised) this.#set(message.status);
        return;
      case "ended":
        // Who does not have all there was has to ask the service itself.
        if (this.#synchronised && log.last >= message.last) {
          const error = message.error && errorOf(message.error);
          this.#waiting?.abort(new SaidToEnd({ reason: message.reason, error }));
        }
        return;
    }
  }

  #take(frame: Uint8Array): void {
    if (!this.#synchronised) return;
    try {
      this.#host.log.take(fromBinary(FollowConversationResponseSchema, frame));
    } catch {
      // Something is missing. The leader has it.
      this.#synchronised = false;
      if (this.#environment.now() - this.#asked >= 1_000) this.#ask();
      else setTimeout(() => !this.#synchronised && !this.#leading && this.#ask(), 1_000);
    }
  }

  #answer(to: string, after: number): void {
    const { log } = this.#host;
    const frames = log.replay(after).map((frame) => toBinary(FollowConversationResponseSchema, frame));
    this.#say({ type: "replay", to, frames, status: this.#status });
  }

  #set(status: ConnectionStatus): void {
    this.#status = status;
    this.#host.connection(status);
  }

  #say(message: TabMessage): void {
    try {
      this.#channel?.postMessage(message);
    } catch {
      // A channel that is closed: this tab is about to end.
    }
  }
}

/** Ends the wait for the lock: the leader said that there is nothing more to follow. */
class SaidToEnd extends Error {
  constructor(readonly ended: Ended) {
    super("ended");
  }
}

/** Ends the wait for the lock: whoever holds it says nothing. */
class LeaderLost extends Error {}

/** Tells all tabs but the one that says it that a conversation was forgotten. */
export function announceForgotten(environment: Environment, id: string): void {
  const channel = openChannel(environment, id);
  channel?.postMessage({ type: "forgotten" } satisfies TabMessage);
  channel?.close();
}

function openChannel(environment: Environment, id: string): TabChannel | undefined {
  try {
    return environment.openChannel?.(`${environment.prefix}.conversation.${id}`);
  } catch {
    return undefined; // refused, as in a frame without an origin
  }
}
