import { Code, createClient } from "@connectrpc/connect";
import { ConversationService } from "@kupla/contract/kupla/v1/conversation_service_pb";
import { OpenConversation } from "./chatConversation.js";
import { type Environment, environmentOf } from "./environment.js";
import { KuplaError } from "./kuplaError.js";
import { kuplaErrorOf, worthRepeating } from "./kuplaErrorOf.js";
import { newRequestId } from "./newRequestId.js";
import { OpenQueuesWatch } from "./queuesWatch.js";
import { repeat } from "./repeat.js";
import { readableAfterCloseMs, type SavedRecord } from "./savedRecord.js";
import { announceForgotten } from "./tabs.js";
import type {
  ChatConversation,
  Kupla,
  KuplaOptions,
  QueuesWatch,
  Retry,
  SavedConversation,
  StartOptions,
} from "./types.js";

/** Those who are told of the tries of one start. */
type Listeners = ((retry: Retry) => void)[];

/** Makes the resident's side of one service. */
export function createKupla(options: KuplaOptions): Kupla {
  return new OpenKupla(environmentOf(options));
}

/** For so long a start may be repeated under its request id. */
const repeatableMs = 10 * 60 * 1000;

/** A start whose outcome is not known. */
interface UnfinishedStart {
  readonly requestId: string;
  readonly time: number;
  readonly options: StartOptions;
}

class OpenKupla implements Kupla {
  readonly #environment: Environment;
  readonly #open = new Map<string, OpenConversation>();
  #starting: { requestId: string; promise: Promise<ChatConversation>; retrying: Listeners } | undefined;

  constructor(environment: Environment) {
    this.#environment = environment;
    for (const key of environment.storage.keys("outbox.")) {
      // Written in a tab that had not heard yet that the conversation was forgotten.
      const [, conversationId] = key.split(".");
      if (environment.storage.get(`conversation.${conversationId}`) === undefined) environment.storage.remove(key);
    }
    this.#unfinished(); // removes one that is too old: it may have somebody's words in it
    for (const { conversationId, closeTime } of this.#records()) {
      if (closeTime !== undefined && environment.now() - closeTime > readableAfterCloseMs) {
        this.#remove(conversationId);
      }
    }
  }

  get storage(): "persistent" | "memory" {
    return this.#environment.storage.mode;
  }

  watchQueues(): QueuesWatch {
    return new OpenQueuesWatch(this.#environment);
  }

  start(options: StartOptions, retrying: (retry: Retry) => void = () => {}): Promise<ChatConversation> {
    const { storage, now } = this.#environment;
    const wanted = contentOf(options);
    let unfinished = this.#unfinished();
    if (unfinished === undefined || JSON.stringify(contentOf(unfinished.options)) !== JSON.stringify(wanted)) {
      unfinished = { requestId: newRequestId(), time: now(), options: wanted };
      storage.set("start", unfinished);
    }
    const { requestId } = unfinished;
    // A second press of the button is the same start.
    if (this.#starting?.requestId === requestId) {
      this.#starting.retrying.push(retrying);
      return this.#starting.promise;
    }
    const listeners: Listeners = [retrying];
    const promise = this.#start(unfinished, listeners).finally(() => {
      if (this.#starting?.requestId === requestId) this.#starting = undefined;
    });
    this.#starting = { requestId, promise, retrying: listeners };
    return promise;
  }

  unfinishedStart(): StartOptions | undefined {
    return this.#unfinished()?.options;
  }

  dropUnfinishedStart(): void {
    this.#environment.storage.remove("start");
  }

  saved(): SavedConversation[] {
    return this.#records()
      .sort((a, b) => b.startTime - a.startTime)
      .map(({ conversationId, queueId, language, startTime, closeTime }) => ({
        conversationId,
        queueId,
        language,
        startTime: new Date(startTime),
        closed: closeTime !== undefined,
      }));
  }

  open(conversationId: string): ChatConversation {
    const open = this.#open.get(conversationId);
    if (open !== undefined) return open;
    const record = this.#environment.storage.get<SavedRecord>(`conversation.${conversationId}`);
    if (record === undefined) {
      throw new KuplaError("the conversation is not kept here", { code: Code.NotFound });
    }
    const conversation = new OpenConversation(this.#environment, {
      record,
      kept: () => this.#environment.storage.get(`conversation.${conversationId}`) !== undefined,
      ended: (closeTime) => {
        const key = `conversation.${conversationId}`;
        // Not when it was forgotten meanwhile.
        const kept = this.#environment.storage.get<SavedRecord>(key);
        if (kept !== undefined && kept.closeTime === undefined) {
          this.#environment.storage.set(key, { ...kept, closeTime: closeTime.getTime() });
        }
      },
      closed: () => void this.#open.delete(conversationId),
    });
    this.#open.set(conversationId, conversation);
    return conversation;
  }

  forget(conversationId: string, { letOthersBe = false } = {}): void {
    // What is kept goes first: a tab that hears of it must not find it.
    this.#remove(conversationId);
    this.#open.get(conversationId)?.close();
    if (!letOthersBe) announceForgotten(this.#environment, conversationId);
  }

  async #start({ requestId, options }: UnfinishedStart, listeners: Listeners): Promise<ChatConversation> {
    const { storage, transport, now, giveUpAfterMs } = this.#environment;
    const service = createClient(ConversationService, transport);
    const request = {
      requestId,
      queueId: options.queueId,
      language: options.language,
      displayName: options.displayName ?? "",
      message: options.message ?? "",
      noticeVersion: options.noticeVersion ?? "",
    };
    try {
      const { conversation, participantId, accessToken } = await repeat(
        this.#environment,
        {
          signal: new AbortController().signal,
          giveUpAfterMs,
          retrying: (retry) => {
            for (const listener of listeners) listener(retry);
          },
        },
        (callOptions) => service.startConversation(request, callOptions),
      );
      if (conversation === undefined) throw new KuplaError("the answer is empty", { code: Code.Unavailable });
      const record: SavedRecord = {
        conversationId: conversation.id,
        participantId,
        accessToken,
        queueId: options.queueId,
        language: options.language,
        startTime: now(),
      };
      storage.set(`conversation.${conversation.id}`, record);
      this.#finish(requestId);
      return this.open(conversation.id);
    } catch (cause) {
      const error = kuplaErrorOf(cause);
      // A refusal settles it. Without an answer it may have been started: the same start asked for again finds out.
      if (!worthRepeating(error)) this.#finish(requestId);
      throw error;
    }
  }

  /** Forgets the start with a request id, and no later one. */
  #finish(requestId: string): void {
    const { storage } = this.#environment;
    if (storage.get<UnfinishedStart>("start")?.requestId === requestId) storage.remove("start");
  }

  #unfinished(): UnfinishedStart | undefined {
    const { storage, now } = this.#environment;
    const unfinished = storage.get<UnfinishedStart>("start");
    // One from the future is no newer than others: the clock was set back.
    if (unfinished === undefined || Math.abs(now() - unfinished.time) < repeatableMs) return unfinished;
    storage.remove("start");
    return undefined;
  }

  #records(): SavedRecord[] {
    const { storage } = this.#environment;
    return storage
      .keys("conversation.")
      .map((key) => storage.get<SavedRecord>(key))
      .filter((record) => record !== undefined);
  }

  #remove(conversationId: string): void {
    const { storage } = this.#environment;
    storage.remove(`conversation.${conversationId}`);
    for (const key of storage.keys(`outbox.${conversationId}.`)) storage.remove(key);
  }
}

/** The options as they are compared and kept: in one order and without what is not set. */
function contentOf({ queueId, language, displayName, message, noticeVersion }: StartOptions): StartOptions {
  return { queueId, language, displayName, message, noticeVersion };
}
