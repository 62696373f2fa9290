import type { ReadonlySignal } from "@preact/signals";
import { computed, effect, signal } from "@preact/signals";
import type { ChatConversation, ChatState, Kupla, Observable, QueuesState, Retry, StartOptions } from "@kupla/sdk";
import type { Queue } from "@kupla/contract/kupla/v1/queue_pb";
import { GoAwayReason } from "@kupla/contract/kupla/v1/stream_pb";
import type { Host } from "./host.js";
import type { Query } from "./query.js";
import type { Screen } from "./screen.js";
import { screenOf } from "./screen.js";
import { unreadCount } from "./unread.js";
import { tabValueKeys } from "../talk/tabValues.js";

/** One conversation, as its components get it. */
export interface Chat {
  /** What may be done: send, typing, markRead, leave, survey and so on. */
  readonly conversation: ChatConversation;
  /** The conversation now. */
  readonly state: ReadonlySignal<ChatState>;
  /** The queue that the conversation is in, with its name and rules. Undefined until the queues are known. */
  readonly queue: ReadonlySignal<Queue | undefined>;
  /** A queue by its id, as for one that the conversation was in before. Undefined when it is not known. */
  readonly queueOf: (queueId: string) => Queue | undefined;
  /** What is being typed. Kept here so that nothing on the screen can lose it. */
  readonly draft: { value: string };
  /** Whether the chat can be seen now: mark as read only while it can. */
  readonly shown: ReadonlySignal<boolean>;
  /** The service that carries the conversation. */
  readonly kupla: Kupla;
}

/** A signal that follows an observable of the SDK, and what ends that. */
export function follow<T>(observable: Observable<T>): { signal: ReadonlySignal<T>; stop: () => void } {
  const followed = signal(observable.value);
  const stop = observable.subscribe((value) => {
    followed.value = value;
  });
  return { signal: followed, stop };
}

const noQueues: QueuesState = { connection: "connecting" };
const shownKey = "kupla:shown";
const startingKey = "kupla:starting";

/** What the page does, and what it shows: the one thing that all components share. */
export class Session {
  /** The queues now. What was known last stays while they are not followed. */
  readonly queues: ReadonlySignal<QueuesState>;
  /** The conversation that is open, if any. */
  readonly chat: ReadonlySignal<Chat | undefined>;
  /** What is shown. */
  readonly screen: ReadonlySignal<Screen>;
  readonly #queues = signal<QueuesState>(noQueues);
  readonly #chat = signal<Chat | undefined>(undefined);
  readonly #queueId = signal<string | undefined>(undefined);
  #unfinished: StartOptions | undefined;
  /** Counts the starts, so that of two at once the later is known, and which of them made what is open. */
  #turn = 0;
  #chatTurn = 0;
  #stopQueues: (() => void) | undefined;
  #stopChat: (() => void) | undefined;

  constructor(
    readonly kupla: Kupla,
    readonly query: Query,
    readonly host: Host,
    private readonly tabStorage: Pick<Storage, "getItem" | "setItem" | "removeItem"> | undefined,
  ) {
    this.queues = this.#queues;
    this.chat = this.#chat;
    // In this tab only: in another one it may be somebody else who opens the chat, and these are the first one's words.
    if (this.#inTab((storage) => storage.getItem(startingKey)) === "yes") this.#unfinished = kupla.unfinishedStart();
    this.#queueId.value = this.#unfinished?.queueId ?? query.queueId;
    // Judged once. Storage that fills up later is no reason to send somebody away from their conversation: the page of
    // its own would not have it.
    const storageBlocked = query.embedded && kupla.storage === "memory";
    this.screen = computed(() =>
      screenOf({
        storageBlocked,
        queues: this.#queues.value,
        queueId: this.#queueId.value,
        chat: this.#chat.value?.state.value,
      }),
    );
    const unread = computed(() => {
      const chat = this.#chat.value;
      return chat === undefined ? 0 : unreadCount(chat.state.value);
    });
    effect(() => host.tell({ type: "unread", count: unread.value }));
    effect(() => {
      if (this.screen.value.name === "gone") this.#forgetDraft();
    });
    this.#goOn();
    this.#watchQueues();
  }

  /** Opens the page of a queue, or goes back to the list. */
  choose(queueId: string | undefined): void {
    this.#queueId.value = queueId;
  }

  /** The start in a queue that was under way when the page was left, to be gone on with. */
  unfinishedStart(queueId: string): StartOptions | undefined {
    return this.#unfinished?.queueId === queueId ? this.#unfinished : undefined;
  }

  /** Starts to wait. Fails with a KuplaError. While it does not get through, `retrying` is told why. */
  async start(options: StartOptions, retrying?: (retry: Retry) => void): Promise<void> {
    // It is gone on with by itself once; from then on the resident decides.
    this.#unfinished = undefined;
    const turn = ++this.#turn;
    this.#inTab((storage) => storage.setItem(startingKey, "yes"));
    const conversation = await this.kupla.start(options, retrying).finally(() => {
      if (this.kupla.unfinishedStart() === undefined) this.#inTab((storage) => storage.removeItem(startingKey));
    });
    const other = this.#chat.value?.conversation;
    if (other?.id === conversation.id) return;
    // Another start was made before this one was answered. Nobody waits in two queues: what was asked for last counts.
    if (other !== undefined && this.#chatTurn > turn) return this.#abandon(conversation);
    this.#chatTurn = turn;
    this.#openChat(conversation);
    if (other !== undefined) await this.#abandon(other);
  }

  /** Asks for the queues anew. */
  refreshQueues(): void {
    this.#watchQueues();
  }

  /** Tries at once to reach the service again, and to send what waits. What is shown stays meanwhile. */
  retry(): void {
    const chat = this.#chat.value;
    if (chat !== undefined) {
      const { ended } = chat.state.value;
      if (ended === undefined || ended.reason === GoAwayReason.SUPERSEDED) {
        chat.conversation.tryNow();
      } else {
        this.#closeChat();
        this.#openChat(this.kupla.open(chat.conversation.id), chat.draft);
      }
    }
    this.#watchQueues();
  }

  /** Forgets the conversation that has ended, and shows the queues, or one of them. */
  startAgain(queueId?: string): void {
    const id = this.#chat.value?.conversation.id;
    this.#forgetDraft();
    this.#closeChat();
    if (id !== undefined) this.kupla.forget(id);
    this.#queueId.value = queueId ?? this.query.queueId;
    this.#watchQueues();
  }

  /** Closes the panel for good: the frame goes. What has ended is forgotten, for others may use the same browser. */
  closePanel(): void {
    if (this.screen.value.name === "ended" || this.screen.value.name === "gone") this.startAgain();
    this.host.tell({ type: "close" });
  }

  // Goes on with the conversation that is open. One that is known to have ended is shown again only in the tab that
  // showed its end, as after a reload in the middle of the survey; all other ended ones are forgotten.
  #goOn(): void {
    const shown = this.#inTab((storage) => storage.getItem(shownKey));
    const saved = this.kupla.saved();
    const next = saved.find(({ closed }) => !closed) ?? saved.find(({ conversationId }) => conversationId === shown);
    for (const { conversationId, closed } of saved) {
      // A tab that shows the end goes on showing it: somebody may be at its survey, or about to save it.
      if (closed && conversationId !== next?.conversationId) this.kupla.forget(conversationId, { letOthersBe: true });
    }
    // What this tab showed last may have been forgotten in another one.
    if (shown && shown !== next?.conversationId) this.#forgetInTab(shown);
    if (next !== undefined) this.#openChat(this.kupla.open(next.conversationId));
  }

  #openChat(conversation: ChatConversation, draft: Chat["draft"] = signal("")): void {
    this.#stopChat?.();
    const { signal: state, stop } = follow(conversation.state);
    this.#stopChat = stop;
    this.#inTab((storage) => storage.setItem(shownKey, conversation.id));
    this.#chat.value = {
      conversation,
      state,
      queue: computed(() => this.queueOf(state.value.conversation?.queueId)),
      queueOf: (queueId) => this.queueOf(queueId),
      draft,
      shown: this.host.shown,
      kupla: this.kupla,
    };
  }

  /** Leaves a conversation that was started and is not wanted, and forgets it. */
  async #abandon(conversation: ChatConversation): Promise<void> {
    // When it cannot be left, it is noticed that nobody is there.
    await conversation.leave().catch(() => {});
    this.kupla.forget(conversation.id);
  }

  /** Forgets what was being written, for whoever comes next. */
  #forgetDraft(): void {
    const chat = this.#chat.value;
    if (chat === undefined) return;
    chat.draft.value = "";
    this.#forgetInTab(chat.conversation.id);
  }

  #forgetInTab(conversationId: string): void {
    for (const key of tabValueKeys(conversationId)) this.#inTab((storage) => storage.removeItem(key));
    this.#inTab((storage) => storage.removeItem(shownKey));
  }

  /** Does something with what is kept for the tab, where the browser lets it. */
  #inTab<T>(use: (storage: NonNullable<typeof this.tabStorage>) => T): T | undefined {
    try {
      return this.tabStorage && use(this.tabStorage);
    } catch {
      return undefined; // as when it is full: the chat goes on without
    }
  }

  /** The queue by its id, as far as the queues are known. */
  queueOf(queueId: string | undefined): Queue | undefined {
    return this.#queues.value.queues?.find(({ queue }) => queue?.id === queueId)?.queue;
  }

  #closeChat(): void {
    this.#stopChat?.();
    this.#stopChat = undefined;
    this.#chat.value?.conversation.close();
    this.#chat.value = undefined;
  }

  // Browsers allow few connections to one place. While a conversation is open the queues are asked for once, for their
  // names and rules, and not followed.
  #watchQueues(): void {
    this.#stopQueues?.();
    const watch = this.kupla.watchQueues();
    const stop = watch.state.subscribe((state) => take(state));
    const take = (state: QueuesState) => {
      this.#queues.value = state.queues === undefined ? { ...state, queues: this.#queues.value.queues } : state;
    };
    take(watch.state.value);
    const stopWhenTalking = effect(() => {
      if (this.#chat.value !== undefined && this.#queues.value.queues !== undefined) {
        stop();
        watch.close();
      }
    });
    this.#stopQueues = () => {
      stopWhenTalking();
      stop();
      watch.close();
      this.#stopQueues = undefined;
    };
  }
}
