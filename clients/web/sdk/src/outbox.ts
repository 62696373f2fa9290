import { Code } from "@connectrpc/connect";
import type { Event } from "@kupla/contract/kupla/v1/conversation_pb";
import { pauseMs } from "./backoff.js";
import type { Environment } from "./environment.js";
import { errorOf, type KuplaError, type PlainError, plainOf } from "./kuplaError.js";
import { kuplaErrorOf, worthRepeating } from "./kuplaErrorOf.js";
import { newRequestId } from "./newRequestId.js";
import { attempt, wakefulPause } from "./repeat.js";
import type { OutboxMessage } from "./types.js";
import { Woken } from "./wait.js";

/** A message as it is kept. Each has a key of its own, so that tabs that write at once do not undo each other. */
interface StoredMessage {
  readonly requestId: string;
  readonly text: string;
  /** When it was written, in milliseconds. Decides the order, and differs between the messages of a tab. */
  readonly createTime: number;
  /** The number of the last event that cannot be this message, known since the first try. Undefined before it. */
  readonly after?: number | undefined;
  /** The number of its event, once acknowledged. */
  readonly sequence?: number | undefined;
  /** Why it was refused. */
  readonly refusal?: PlainError | undefined;
}

/** How long a tab waits for another one's attempt before it tries at the same time. Both would send the same. */
const lockTimeoutMs = 15_000;

/** What the outbox needs of the conversation that it belongs to. */
export interface OutboxHost {
  readonly id: string;
  /** The resident's own participant id. */
  readonly me: string;
  /** The log so far. */
  events(): readonly Event[];
  /** The number of the last event in it. */
  last(): number;
  /** Sends a message once and returns the number of its event. */
  send(message: { requestId: string; text: string }, signal: AbortSignal): Promise<number>;
  /** Told when the service has answered: it can be reached. */
  answered(): void;
  /** Told when the messages are others, in this tab. */
  changed(): void;
  /** Tells the other tabs that what is kept has changed. */
  announce(): void;
}

/**
 * The messages of one conversation that are not in the log yet. They are kept before they are sent, and sent in order:
 * the next one only once the one before was answered. A message keeps its request id over all its repeats, from any
 * tab, so that the service writes it once.
 */
export class Outbox {
  readonly #environment: Environment;
  readonly #host: OutboxHost;
  readonly #stop = new AbortController();
  #messages: StoredMessage[] = [];
  #sending = false;
  /** Why the last try failed, of the first message in line. It is not kept: after a reload it is tried at once. */
  #failure: KuplaError | undefined;

  constructor(environment: Environment, host: OutboxHost) {
    this.#environment = environment;
    this.#host = host;
    this.#read();
  }

  /** Takes a message in, keeps it and begins to send. */
  add(text: string): void {
    const createTime = this.#nextTime();
    this.#write({ requestId: newRequestId(), text, createTime });
    this.#tell();
    this.start();
  }

  /** Sends a refused message again, after all others: it was not said before them. */
  retry(requestId: string): void {
    const message = this.#messages.find((candidate) => candidate.requestId === requestId);
    if (message?.refusal === undefined) return;
    this.#write({ requestId, text: message.text, createTime: this.#nextTime() });
    this.#tell();
    this.start();
  }

  /** Removes a refused message and returns its text. */
  discard(requestId: string): string | undefined {
    const message = this.#messages.find((candidate) => candidate.requestId === requestId);
    if (message?.refusal === undefined) return undefined;
    this.#remove(message);
    this.#tell();
    return message.text;
  }

  /** What to show: the messages that are in the outbox and not in the log. */
  get visible(): OutboxMessage[] {
    const posted = this.#posted();
    let blocked = false;
    return this.#messages
      .filter((message) => !posted.has(message.requestId))
      .map((message) => {
        const { requestId, text, refusal } = message;
        const createTime = new Date(message.createTime);
        if (refusal !== undefined) {
          return { requestId, text, state: "refused", error: errorOf(refusal), createTime };
        }
        const error = blocked || message.sequence !== undefined ? undefined : this.#failure;
        blocked ||= error !== undefined;
        return { requestId, text, state: blocked ? "waiting" : "sending", error, createTime };
      });
  }

  /** Looks at what another tab kept. */
  reload(): void {
    this.#read();
    this.#host.changed();
    this.start();
  }

  /** Forgets what was acknowledged and has come in the log. Call it after events. */
  settle(): void {
    const last = this.#host.last();
    for (const message of this.#messages.filter(({ sequence }) => sequence !== undefined && sequence <= last)) {
      this.#remove(message);
    }
  }

  /** Forgets what was acknowledged: the log that it was in is no more. */
  restart(): void {
    for (const message of this.#messages) {
      if (message.sequence !== undefined) this.#remove(message);
      else if (message.after !== undefined) this.#write({ ...message, after: 0 });
    }
  }

  /** Begins to send, unless it does already or there is nothing. */
  start(): void {
    if (this.#sending || this.#stop.signal.aborted || this.#next() === undefined) return;
    this.#sending = true;
    void this.#run().finally(() => {
      this.#sending = false;
      this.start(); // what came in at the very end
    });
  }

  /** Shows nothing any more. What was kept is gone already. */
  forget(): void {
    this.#messages = [];
  }

  /** Stops sending. What is kept stays. */
  close(): void {
    this.#stop.abort();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    for (let failures = 0; !signal.aborted; ) {
      const error = await this.#locked(() => this.#sendNext());
      if (error === "done") return;
      if (this.#failure !== error) {
        this.#failure = error;
        this.#host.changed();
      }
      if (error === undefined) {
        failures = 0;
        continue;
      }
      const least = error.retryDelayMs ?? 0;
      const pause = least + pauseMs(this.#environment.retry, failures++, this.#environment.random);
      if (await wakefulPause(this.#environment, least, pause, signal)) failures = 0;
    }
  }

  /** Sends the first message in line once. Returns why it has to be tried again, if it has. */
  async #sendNext(): Promise<KuplaError | "done" | undefined> {
    this.#read(); // another tab may have sent it meanwhile
    let message = this.#next();
    if (message === undefined) return "done";
    if (message.after === undefined) {
      const acknowledged = this.#messages.map(({ sequence }) => sequence ?? 0);
      const last = this.#host.last();
      message = { ...message, after: Math.max(last, ...acknowledged) };
      this.#write(message);
      this.#tell();
    }
    const { requestId, text } = message;
    try {
      const sequence = await attempt(this.#environment, this.#stop.signal, ({ signal }) =>
        this.#host.send({ requestId, text }, signal),
      );
      this.#update({ ...message, sequence });
      this.settle();
      this.#host.answered();
    } catch (cause) {
      if (this.#stop.signal.aborted) return "done";
      if (cause instanceof Woken) return undefined; // it is still the next one
      const error = kuplaErrorOf(cause);
      if (worthRepeating(error)) return error;
      this.#refuse(message, error);
    }
    this.#failure = undefined;
    this.#tell();
    return undefined;
  }

  #refuse(message: StoredMessage, error: KuplaError): void {
    const refusal = plainOf(error);
    this.#read();
    const refused = endsAll(error) ? this.#messages.filter(isUnsent) : [message];
    for (const each of refused) this.#update({ ...each, after: undefined, refusal });
  }

  /** Runs the attempt while no other tab makes one. */
  async #locked<T>(run: () => Promise<T>): Promise<T> {
    const { locks, prefix } = this.#environment;
    if (locks === undefined) return run();
    const patience = new AbortController();
    const timer = setTimeout(() => patience.abort(), lockTimeoutMs);
    let begun: Promise<T> | undefined;
    try {
      return await locks.request(`${prefix}.send.${this.#host.id}`, { signal: patience.signal }, () => {
        clearTimeout(timer);
        return (begun = run());
      });
    } catch {
      // The other tab does not let go, as when it is frozen: what it sends has the same request ids.
      return await (begun ?? run());
    } finally {
      clearTimeout(timer);
    }
  }

  #next(): StoredMessage | undefined {
    return this.#messages.find(isUnsent);
  }

  /**
   * The messages that the log has: acknowledged, or found there before the answer came. The log does not tell request
   * ids, but messages are sent one after the other, so the first own event with the text after the first try is it.
   */
  #posted(): Set<string> {
    const events = this.#host.events();
    const posted = new Set<string>();
    const taken = new Set(this.#messages.map(({ sequence }) => sequence));
    const last = this.#host.last();
    for (const { requestId, text, sequence, after } of this.#messages) {
      if (sequence !== undefined) {
        if (sequence <= last) posted.add(requestId);
      } else if (after !== undefined) {
        // Events are numbered from 1 without gaps.
        const found = events
          .slice(after)
          .find(
            (event) =>
              event.kind.case === "messagePosted" &&
              event.participantId === this.#host.me &&
              event.kind.value.text === text &&
              !taken.has(event.sequence),
          );
        if (found !== undefined) {
          taken.add(found.sequence);
          posted.add(requestId);
        }
      }
    }
    return posted;
  }

  #nextTime(): number {
    return Math.max(this.#environment.now(), (this.#messages.at(-1)?.createTime ?? 0) + 1);
  }

  #key(requestId: string): string {
    return `outbox.${this.#host.id}.${requestId}`;
  }

  #read(): void {
    const { storage } = this.#environment;
    this.#messages = storage
      .keys(`outbox.${this.#host.id}.`)
      .map((key) => storage.get<StoredMessage>(key))
      .filter((message) => message !== undefined)
      .sort((a, b) => a.createTime - b.createTime || (a.requestId < b.requestId ? -1 : 1));
  }

  #write(message: StoredMessage): void {
    this.#environment.storage.set(this.#key(message.requestId), message);
    this.#messages = [...this.#messages.filter(({ requestId }) => requestId !== message.requestId), message].sort(
      (a, b) => a.createTime - b.createTime || (a.requestId < b.requestId ? -1 : 1),
    );
  }

  /** Writes what became of a message, unless it was removed meanwhile. */
  #update(message: StoredMessage): void {
    if (this.#environment.storage.get(this.#key(message.requestId)) !== undefined) this.#write(message);
  }

  #remove(message: StoredMessage): void {
    this.#environment.storage.remove(this.#key(message.requestId));
    this.#messages = this.#messages.filter(({ requestId }) => requestId !== message.requestId);
  }

  #tell(): void {
    this.#host.changed();
    this.#host.announce();
  }
}

function isUnsent(message: StoredMessage): boolean {
  return message.sequence === undefined && message.refusal === undefined;
}

/** Whether a refusal holds for every other message as well. */
function endsAll(error: KuplaError): boolean {
  return (
    error.code === Code.Unauthenticated ||
    error.code === Code.PermissionDenied ||
    error.code === Code.NotFound ||
    error.reason === "CONVERSATION_CLOSED"
  );
}
