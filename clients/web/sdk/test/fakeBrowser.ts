import type { TabChannel } from "../src/index.js";

interface Request {
  grant(): void;
}

/** The locks and channels that the tabs of one browser share. Node's own locks come with later versions only. */
export class FakeBrowser {
  readonly #held = new Map<string, { steal(): void }>();
  readonly #queues = new Map<string, Request[]>();
  readonly #channels = new Map<string, Set<TabChannel & { frozen: boolean }>>();

  /** The tabs' locks, as the Web Locks specification has them, as far as the SDK uses them. */
  readonly locks = {
    request: (name: string, options: LockOptions, callback: (lock: Lock | null) => unknown): Promise<unknown> =>
      new Promise((resolve, reject) => {
        const { signal } = options;
        if (signal?.aborted) return reject(signal.reason);
        const queue = this.#queues.get(name) ?? [];
        this.#queues.set(name, queue);
        const request: Request = {
          grant: () => {
            signal?.removeEventListener("abort", giveUp);
            const holder = { steal: () => reject(new DOMException("stolen", "AbortError")) };
            this.#held.set(name, holder);
            const release = () => {
              if (this.#held.get(name) !== holder) return; // stolen
              this.#held.delete(name);
              queue.shift()?.grant();
            };
            Promise.resolve()
              .then(() => callback({ name, mode: "exclusive" }))
              .finally(release)
              .then(resolve, reject);
          },
        };
        const giveUp = () => {
          const place = queue.indexOf(request);
          if (place >= 0) queue.splice(place, 1);
          reject(signal?.reason);
        };
        const holder = this.#held.get(name);
        if (options.steal) {
          holder?.steal();
          request.grant();
        } else if (holder === undefined) request.grant();
        else {
          queue.push(request);
          signal?.addEventListener("abort", giveUp, { once: true });
        }
      }),
  } as Pick<LockManager, "request">;

  /** Opens a channel. What is said arrives a little later, as a copy, and not at the one who said it. */
  readonly openChannel = (name: string): TabChannel => {
    const channels = this.#channels.get(name) ?? new Set();
    this.#channels.set(name, channels);
    const channel: TabChannel & { frozen: boolean } = {
      frozen: false,
      onmessage: null,
      postMessage: (message: unknown) => {
        if (!channels.has(channel)) throw new DOMException("closed", "InvalidStateError");
        if (channel.frozen) return;
        const data: unknown = structuredClone(message);
        for (const other of channels) {
          if (other === channel) continue;
          setImmediate(() => {
            if (channels.has(other)) other.onmessage?.call(other as never, { data } as MessageEvent);
          });
        }
      },
      close: () => void channels.delete(channel),
    };
    channels.add(channel);
    this.#last = channel;
    return channel;
  };

  #last: { frozen: boolean } | undefined;

  /** Keeps the tab that opened the last channel from saying anything more, as if the browser had frozen it. */
  freezeLast(): void {
    if (this.#last !== undefined) this.#last.frozen = true;
  }
}
