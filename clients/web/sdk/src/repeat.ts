import { Code } from "@connectrpc/connect";
import { pauseMs } from "./backoff.js";
import type { Environment } from "./environment.js";
import { KuplaError } from "./kuplaError.js";
import { kuplaErrorOf, worthRepeating } from "./kuplaErrorOf.js";
import type { Retry } from "./types.js";
import { childOf, wait, Woken } from "./wait.js";

/** How a call is repeated. */
export interface RepeatOptions {
  /** Ends the repeats; the call then fails with canceled. */
  signal: AbortSignal;
  /** After how long no further attempt is made, in milliseconds. Infinity goes on for ever. */
  giveUpAfterMs: number;
  /** Called before each pause. */
  retrying?: ((retry: Retry) => void) | undefined;
}

/**
 * Makes a call until it is answered or refused, or it is time to give up. The request must stay the same, its request
 * id included: that is what makes the repeat safe. When the network comes back or the page is shown, a pause ends
 * early, though never before the service wants to be asked again; and the pauses after it begin small.
 */
export async function repeat<T>(
  environment: Environment,
  options: RepeatOptions,
  call: (callOptions: { signal: AbortSignal }) => Promise<T>,
): Promise<T> {
  const start = environment.now();
  let failures = 0;
  for (;;) {
    let error: KuplaError;
    try {
      return await attempt(environment, options.signal, call);
    } catch (cause) {
      if (cause instanceof Woken) {
        failures = 0;
        continue;
      }
      error = kuplaErrorOf(cause);
    }
    if (options.signal.aborted) throw new KuplaError("given up", { code: Code.Canceled, cause: error });
    if (!worthRepeating(error)) throw error;
    const least = error.retryDelayMs ?? 0;
    const pause = least + pauseMs(environment.retry, failures++, environment.random);
    if (environment.now() - start + pause > options.giveUpAfterMs) throw error;
    options.retrying?.({ error, retryTime: new Date(environment.now() + pause) });
    if (await wakefulPause(environment, least, pause, options.signal)) failures = 0;
    if (options.signal.aborted) throw new KuplaError("given up", { code: Code.Canceled, cause: error });
  }
}

/**
 * Makes one attempt of a call, which may take so long and no longer. It fails with {@link Woken} when there is reason to
 * think that another one would be answered sooner: what was sent into a network that is gone may wait for ever.
 */
export async function attempt<T>(
  environment: Environment,
  signal: AbortSignal,
  call: (callOptions: { signal: AbortSignal }) => Promise<T>,
): Promise<T> {
  const limit = childOf(signal);
  const timer = setTimeout(
    () => limit.abort(new KuplaError("no answer in time", { code: Code.DeadlineExceeded })),
    environment.attemptTimeoutMs,
  );
  const start = environment.now();
  const unsubscribe = environment.page.subscribe((pageSignal) => {
    // Timers stand still while a phone is locked.
    const overdue = pageSignal === "shown" && environment.now() - start >= environment.attemptTimeoutMs;
    if (overdue || pageSignal === "online" || pageSignal === "restored" || pageSignal === "now") {
      limit.abort(new Woken("woken"));
    }
  });
  try {
    return await call({ signal: limit.signal });
  } catch (error) {
    // The transport says no more than that it was cut.
    throw limit.signal.reason instanceof Woken ? limit.signal.reason : error;
  } finally {
    clearTimeout(timer);
    unsubscribe();
    limit.abort(); // takes the listener off the parent
  }
}

/**
 * Pauses, for at least so long, and then until the pause is over or there is reason to think that a try would succeed.
 * Returns whether there was.
 */
export async function wakefulPause(
  environment: Environment,
  leastMs: number,
  pauseMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  const pause = childOf(signal);
  let woken = false;
  const stop = environment.page.subscribe((pageSignal) => {
    if (pageSignal === "offline" || pageSignal === "hidden") return;
    woken = true;
    pause.abort();
  });
  const start = environment.now();
  await wait(pauseMs, pause.signal);
  stop();
  pause.abort();
  const left = leastMs - (environment.now() - start);
  if (left > 0 && !signal.aborted) await wait(left, signal);
  return woken;
}
