import type { Backoff } from "./types.js";

/** The pauses before a stream is opened again. */
export const defaultReconnect: Backoff = { initialMs: 250, maxMs: 15_000 };
/** The pauses before a call is repeated. */
export const defaultRetry: Backoff = { initialMs: 100, maxMs: 5_000 };

/**
 * A pause after the given number of failures before this one. It is random between nothing and its bound, so that
 * clients that lost the service together do not return together.
 */
export function pauseMs(backoff: Backoff, failures: number, random: () => number): number {
  // 2 ** 30 of anything is beyond every bound, and further powers need not stay finite.
  const bound = Math.min(backoff.initialMs * 2 ** Math.min(failures, 30), Math.max(backoff.maxMs, backoff.initialMs));
  return random() * bound;
}
