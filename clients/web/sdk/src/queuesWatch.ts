import { createClient } from "@connectrpc/connect";
import {
  QueueService,
  QueueWithStatusSchema,
  type QueueWithStatus,
  type WatchQueuesResponse,
} from "@kupla/contract/kupla/v1/queue_service_pb";
import { create } from "@bufbuild/protobuf";
import type { Environment } from "./environment.js";
import { type ConnectionStatus, durationMs, follow, type Step } from "./follower.js";
import { kuplaErrorOf } from "./kuplaErrorOf.js";
import { TryableSignals } from "./signals.js";
import { Store } from "./store.js";
import type { Ended, Observable, QueuesState, QueuesWatch } from "./types.js";

/** Follows all queues. It remembers nothing over a lost connection: each stream begins with all there is to know. */
export class OpenQueuesWatch implements QueuesWatch {
  readonly state: Observable<QueuesState>;
  readonly #environment: Environment;
  readonly #signals: TryableSignals;
  readonly #store: Store<QueuesState>;
  readonly #stop = new AbortController();
  #connection: ConnectionStatus = { connection: "connecting" };
  #ended: Ended | undefined;
  #queues: readonly QueueWithStatus[] | undefined;
  #updateTime: Date | undefined;

  /** Begins to follow. */
  constructor(environment: Environment) {
    this.#signals = new TryableSignals(environment.page);
    this.#environment = { ...environment, page: this.#signals };
    this.#store = new Store(() => this.#build());
    this.state = this.#store;
    void this.#follow();
  }

  tryNow(): void {
    this.#signals.now();
  }

  close(): void {
    this.#stop.abort();
  }

  async #follow(): Promise<void> {
    const service = createClient(QueueService, this.#environment.transport);
    try {
      this.#ended = await follow(
        this.#environment,
        {
          open: (signal) => service.watchQueues({}, { signal }),
          take: (frame: WatchQueuesResponse) => this.#take(frame),
          connection: (status) => {
            this.#connection = status;
            this.#store.changed();
          },
        },
        this.#stop.signal,
      );
    } catch (cause) {
      this.#ended = { reason: "failed", error: kuplaErrorOf(cause) };
    }
    if (this.#ended !== undefined) this.#store.changed();
  }

  #take({ frame }: WatchQueuesResponse): Step {
    switch (frame.case) {
      case "snapshot":
        this.#show(Object.freeze(frame.value.queues));
        return {};
      case "status": {
        const { queueId, status } = frame.value;
        this.#show(
          this.#queues?.map(({ queue, status: before }) =>
            create(QueueWithStatusSchema, { queue, status: queue?.id === queueId ? status : before }),
          ),
        );
        return {};
      }
      case "heartbeat":
        return { intervalMs: durationMs(frame.value.interval), interrupted: frame.value.interrupted };
      case "goAway":
        return { away: frame.value };
      default: // a frame of a later version
        return {};
    }
  }

  #show(queues: readonly QueueWithStatus[] | undefined): void {
    this.#queues = queues;
    this.#updateTime = new Date(this.#environment.now());
    this.#store.changed();
  }

  #build(): QueuesState {
    return Object.freeze({
      connection: this.#ended === undefined ? this.#connection.connection : "ended",
      retryTime: this.#ended === undefined ? this.#connection.retryTime : undefined,
      ended: this.#ended,
      queues: this.#queues,
      updateTime: this.#updateTime,
    });
  }
}
