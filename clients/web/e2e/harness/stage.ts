import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";

import { onLines } from "./lines.ts";
import { program } from "./programs.ts";

/** What a follower of the Go SDK heard, and when, in microseconds since 1970. */
export interface Told {
  told: string;
  time: number;
  desk?: string;
  conversation?: string;
  history?: boolean;
  value?: {
    participantId?: string;
    sequence?: number;
    messagePosted?: { text: string };
    closed?: { reason: string };
  };
}

/** An event of a log, as far as tests look at it. */
export interface LogEvent {
  sequence: number;
  createTime: string;
  participantId?: string;
  messagePosted?: { text: string };
  closed?: { reason: string };
  [kind: string]: unknown;
}

/** A refusal of the service, as the Go SDK tells it. */
export class Refused extends Error {
  constructor(
    readonly reason: string,
    message: string,
  ) {
    super(message);
  }
}

type Fields = Record<string, unknown>;

interface Pending {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

/**
 * The people of the tests who are not in a browser: professionals at their desks, and residents who fill a queue. They
 * are in one program over the Go SDK, which is told what to do by lines of JSON.
 */
export class Stage {
  /** Everything that the followers heard so far. */
  readonly told: Told[] = [];

  readonly #child: ChildProcess;
  readonly #pending = new Map<number, Pending>();
  readonly #listeners = new Set<() => void>();
  #id = 0;

  constructor(server: string) {
    const child = spawn(program("professional"), ["--server", server], { stdio: ["pipe", "pipe", "inherit"] });
    this.#child = child;
    onLines(child.stdout, (line) => this.#hear(JSON.parse(line)));
    child.once("exit", (code) => {
      for (const pending of this.#pending.values())
        pending.reject(new Error(`the professional's program ended (${code})`));
      this.#pending.clear();
    });
  }

  /** Asks for something and returns what came of it. */
  ask<T>(what: string, fields: Fields = {}): Promise<T> {
    const id = ++this.#id;
    const answer = new Promise<T>((resolve, reject) => {
      this.#pending.set(id, { resolve: resolve as (result: unknown) => void, reject });
    });
    this.#child.stdin?.write(`${JSON.stringify({ id, do: what, ...fields })}\n`);
    return answer;
  }

  /** Sits somebody down at a desk, by the token; or in an office, where there is nothing to watch. */
  async open(name: string, token: string, office = false): Promise<Desk> {
    await this.ask("open", { desk: name, token, office });
    return new Desk(this, name);
  }

  /** Waits until something was heard that passes, from the given place in `told` on. */
  async heard(what: string, passes: (told: Told) => boolean, from = 0, within = 15_000): Promise<Told> {
    const find = () => this.told.slice(from).find(passes);
    const found = find();
    if (found !== undefined) return found;
    return new Promise<Told>((resolve, reject) => {
      const look = () => {
        const now = find();
        if (now === undefined) return;
        clearTimeout(late);
        this.#listeners.delete(look);
        resolve(now);
      };
      const late = setTimeout(() => {
        this.#listeners.delete(look);
        reject(
          new Error(`not heard within ${within} ms: ${what}; heard were: ${this.told.map((t) => t.told).join(" ")}`),
        );
      }, within);
      this.#listeners.add(look);
    });
  }

  /** Starts residents in a queue, who stay there. Returns their conversations, in order of arrival. */
  arrive(
    queue: string,
    options: { count?: number; language?: string; name?: string; text?: string } = {},
  ): Promise<string[]> {
    return this.ask("arrive", { queue, language: "fi", ...options });
  }

  /** Has a resident leave who was started by {@link arrive}. */
  leave(conversation: string): Promise<void> {
    return this.ask("leave", { conversation });
  }

  /** How many wait in a queue now. */
  async waiting(queue: string): Promise<number> {
    const { status } = await this.ask<{ status?: { waitingCount?: number } }>("status", { queue });
    return status?.waitingCount ?? 0;
  }

  /** Ends the program. */
  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, "exit");
    this.#child.stdin?.end();
    this.#child.kill("SIGTERM");
    await ended;
  }

  #hear(line: Told & { id?: number; result?: unknown; error?: { reason?: string; message: string } }): void {
    if (line.id === undefined) {
      this.told.push(line);
      for (const listener of [...this.#listeners]) listener();
      return;
    }
    const pending = this.#pending.get(line.id);
    this.#pending.delete(line.id);
    if (line.error === undefined) pending?.resolve(line.result);
    else pending?.reject(new Refused(line.error.reason ?? "", line.error.message));
  }
}

/** A desk of one member of staff. */
export class Desk {
  constructor(
    readonly stage: Stage,
    readonly name: string,
  ) {}

  /** Tells whether conversations are taken: AVAILABLE, ON_PHONE or AWAY. */
  async available(availability = "AVAILABLE"): Promise<void> {
    await this.#ask("setAvailable", { availability });
  }

  /** Takes the next who waits, and waits for somebody who is there. */
  async takeNext(within = 20_000): Promise<Talk> {
    const taken = await this.#ask<{ conversation: string; participant: string; customer: string }>("takeNext", {
      within,
    });
    return new Talk(this, taken.conversation, taken.participant, taken.customer);
  }

  /** Pauses a queue, for so many milliseconds or until further notice. */
  async pause(queue: string, within = 0): Promise<void> {
    await this.#ask("pause", { queue, within });
  }

  /** Lets a paused queue go on. */
  async resume(queue: string): Promise<void> {
    await this.#ask("resume", { queue });
  }

  /** Changes fields of a queue in the catalogue, or of all queues with "". For an administrator's desk. */
  async changeQueue(queue: string, patch: Fields): Promise<void> {
    await this.#ask("changeQueue", { queue, patch });
  }

  #ask<T>(what: string, fields: Fields): Promise<T> {
    return this.stage.ask<T>(what, { desk: this.name, ...fields });
  }
}

/** A conversation on a desk. */
export class Talk {
  constructor(
    readonly desk: Desk,
    readonly conversation: string,
    /** The professional's participant id. */
    readonly participant: string,
    /** The resident's participant id. */
    readonly customer: string,
  ) {}

  /** Writes a message, and returns its number in the log and when its sending began. */
  send(text: string): Promise<{ sequence: number; time: number }> {
    return this.#ask("send", { text });
  }

  /** Tells once that the professional is typing. */
  type(): Promise<void> {
    return this.#ask("type");
  }

  /** Marks as read up to an event. */
  markRead(sequence: number): Promise<void> {
    return this.#ask("markRead", { sequence });
  }

  /** Ends the conversation: COMPLETED, REDIRECTED_TO_PHONE or ENDED_BY_STAFF. */
  close(reason = "COMPLETED"): Promise<void> {
    return this.#ask("close", { reason });
  }

  /** Hands the conversation on to another queue. */
  transfer(queue: string, customerAgreed = false): Promise<void> {
    return this.#ask("transfer", { queue, customerAgreed });
  }

  /** Puts the conversation back into its queue. */
  returnToQueue(): Promise<void> {
    return this.#ask("returnToQueue");
  }

  /** Follows the conversation beside the desk, as a program of its own would: its events are told as "followed". */
  follow(): Promise<void> {
    return this.#ask("follow");
  }

  /** The whole log as it is kept. */
  log(): Promise<LogEvent[]> {
    return this.#ask("log");
  }

  /** The texts of the log, in order. */
  async texts(): Promise<string[]> {
    return (await this.log()).flatMap((event) => (event.messagePosted ? [event.messagePosted.text] : []));
  }

  /** Waits for a message of the resident. */
  heardText(text: string, within?: number): Promise<Told> {
    return this.#heard(
      `the message "${text}"`,
      (t) => t.told === "event" && t.value?.messagePosted?.text === text,
      within,
    );
  }

  /** Waits until the desk hears that the resident is typing. */
  heardTyping(from = 0): Promise<Told> {
    return this.desk.stage.heard(
      "the resident typing",
      (t) => t.told === "typing" && t.conversation === this.conversation && t.value?.participantId === this.customer,
      from,
    );
  }

  /** Waits until the desk hears that the resident has read as far as an event. */
  heardRead(sequence: number): Promise<Told> {
    return this.#heard(
      `the resident having read ${sequence}`,
      (t) => t.told === "readMark" && t.value?.participantId === this.customer && (t.value?.sequence ?? 0) >= sequence,
    );
  }

  /** Waits until the desk hears that the conversation is closed. */
  heardClosed(): Promise<Told> {
    return this.#heard("the end", (t) => t.told === "event" && t.value?.closed !== undefined);
  }

  #heard(what: string, passes: (told: Told) => boolean, within?: number): Promise<Told> {
    return this.desk.stage.heard(what, (t) => t.conversation === this.conversation && passes(t), 0, within);
  }

  #ask<T>(what: string, fields: Fields = {}): Promise<T> {
    return this.desk.stage.ask<T>(what, { desk: this.desk.name, conversation: this.conversation, ...fields });
  }
}
