import type { Transport } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import { defaultReconnect, defaultRetry } from "./backoff.js";
import { browserPage } from "./page.js";
import { SafeStorage } from "./safeStorage.js";
import type { Signals } from "./signals.js";
import type { Backoff, KuplaOptions, TabChannel } from "./types.js";

/** The options of a Kupla with their defaults filled in: all that the SDK has of the world around it. */
export interface Environment {
  readonly prefix: string;
  readonly storage: SafeStorage;
  readonly transport: Transport;
  readonly locks: Pick<LockManager, "request"> | undefined;
  readonly openChannel: ((name: string) => TabChannel) | undefined;
  readonly page: Signals;
  readonly now: () => number;
  readonly random: () => number;
  readonly reconnect: Backoff;
  readonly retry: Backoff;
  readonly attemptTimeoutMs: number;
  readonly giveUpAfterMs: number;
}

/** Fills in the defaults. */
export function environmentOf(options: KuplaOptions): Environment {
  const prefix = options.storagePrefix ?? "kupla";
  const locks = options.locks === undefined ? globalThis.navigator?.locks : options.locks;
  const openChannel = options.openChannel === undefined ? browserChannel() : options.openChannel;
  return {
    prefix,
    storage: new SafeStorage(options.storage, prefix),
    transport: options.transport ?? httpTransport(options.baseUrl, options.fetch),
    // The browser gives locks to safe origins only; one without the other cannot tell who follows.
    locks: openChannel === null || openChannel === undefined ? undefined : (locks ?? undefined),
    openChannel: locks === null || locks === undefined ? undefined : (openChannel ?? undefined),
    page: options.page ?? browserPage(),
    now: options.now ?? Date.now,
    random: options.random ?? Math.random,
    reconnect: options.reconnect ?? defaultReconnect,
    retry: options.retry ?? defaultRetry,
    attemptTimeoutMs: options.attemptTimeoutMs ?? 10_000,
    giveUpAfterMs: options.giveUpAfterMs ?? 120_000,
  };
}

function browserChannel(): ((name: string) => TabChannel) | undefined {
  if (typeof BroadcastChannel === "undefined") return undefined;
  return (name) => {
    const channel = new BroadcastChannel(name);
    // In Node, where tests run, an open channel would keep the process.
    (channel as { unref?: () => void }).unref?.();
    return channel;
  };
}

function httpTransport(baseUrl: string, send: typeof fetch = globalThis.fetch.bind(globalThis)): Transport {
  return createConnectTransport({
    baseUrl,
    useBinaryFormat: true,
    // The token stands in a header; cookies, which somebody else may have set, are nobody's business here.
    fetch: (input, init) => send(input, { ...init, credentials: "omit", cache: "no-store" }),
  });
}
