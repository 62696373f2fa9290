import { type Duration, durationMs as msOf } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { type GoAway, GoAwayReason } from "@kupla/contract/kupla/v1/stream_pb";
import { pauseMs } from "./backoff.js";
import type { Environment } from "./environment.js";
import { KuplaError } from "./kuplaError.js";
import { kuplaErrorOf } from "./kuplaErrorOf.js";
import { wakefulPause } from "./repeat.js";
import type { ConnectionState, Ended } from "./types.js";
import { childOf, Woken } from "./wait.js";

/** The longest silence that the contract allows. It holds until a stream tells its own. */
export const defaultHeartbeatMs = 15_000;
/** A stream that lasted this long was no part of a failure that goes on: pauses start small again. */
const healthyAfterMs = 5_000;
/** An attempt to open a stream that is younger than this is let go on when another try is asked for. */
const freshMs = 1_000;
/** How often the watch looks at the clock, and how much later than that means that the machine slept. */
const lookEveryMs = 5_000;
const sleptAfterMs = 3_000;

/** What one frame comes to. */
export interface Step {
  /** The longest silence from now on, in milliseconds, if the frame told it. */
  intervalMs?: number | undefined;
  /** The stream ends on purpose. */
  away?: GoAway | undefined;
  /** Whether the service is interrupted, if the frame told it. */
  interrupted?: boolean | undefined;
}

/** One kind of stream: where it stands, and what becomes of its frames. */
export interface Followed<Frame> {
  /** Opens a stream from where it stands. */
  open(signal: AbortSignal): AsyncIterable<Frame>;
  /** Takes in a frame. What it throws breaks the stream; the next one is opened after a pause. */
  take(frame: Frame): Step;
  /** Told how the connection is. */
  connection(status: ConnectionStatus): void;
  /** Asked whether a refusal can be mended by opening another stream at another place. */
  mend?(error: KuplaError): boolean;
}

/** How a connection is. */
export interface ConnectionStatus {
  readonly connection: Exclude<ConnectionState, "ended">;
  readonly retryTime?: Date | undefined;
}

/** Ends following: trying again would bring the same. */
export class FatalError extends Error {}

/**
 * Follows one kind of stream for as long as it takes. Returns why the service ended it, or undefined when the signal
 * did.
 */
export async function follow<Frame>(
  environment: Environment,
  followed: Followed<Frame>,
  signal: AbortSignal,
): Promise<Ended | undefined> {
  const follower = new Follower(environment, followed, signal);
  try {
    return await follower.run();
  } finally {
    follower.close();
  }
}

class Follower<Frame> {
  readonly #environment: Environment;
  readonly #followed: Followed<Frame>;
  readonly #signal: AbortSignal;
  readonly #unsubscribe: () => void;
  #status: ConnectionStatus = { connection: "connecting" };
  /** What the service said last; it holds until a stream says otherwise, also when that cannot be opened. */
  #interrupted = false;
  #offline: boolean;
  #intervalMs = defaultHeartbeatMs;
  #failures = 0; // since the last stream that held
  #stream: AbortController | undefined;
  #lastFrame = 0;

  constructor(environment: Environment, followed: Followed<Frame>, signal: AbortSignal) {
    this.#environment = environment;
    this.#followed = followed;
    this.#signal = signal;
    this.#offline = !environment.page.online;
    this.#unsubscribe = environment.page.subscribe((pageSignal) => {
      switch (pageSignal) {
        case "offline":
          this.#offline = true;
          this.#tell();
          break;
        case "online":
          this.#offline = false;
          this.#tell();
          this.#wake(); // The network is another one: what was open on the one before is dead and does not know.
          break;
        case "restored":
          this.#wake();
          break;
        case "shown":
          if (this.#overdue()) this.#wake();
          break;
        case "now":
          if (this.#overdue() || (this.#status.connection !== "open" && this.#silence() > freshMs)) this.#wake();
          break;
        case "hidden":
          break;
      }
    });
    this.#tell();
  }

  close(): void {
    this.#unsubscribe();
  }

  async run(): Promise<Ended | undefined> {
    for (;;) {
      let error: KuplaError | undefined;
      let away: GoAway | undefined;
      try {
        away = await this.#run();
      } catch (cause) {
        if (this.#signal.aborted) return undefined;
        if (cause instanceof Woken) {
          this.#failures = 0;
          if (this.#status.connection === "open") this.#set({ connection: "lost" });
          continue;
        }
        error = kuplaErrorOf(cause);
        if (cause instanceof FatalError) return { reason: "failed", error };
      }
      if (this.#signal.aborted) return undefined;
      if (away !== undefined && !away.reconnect) return { reason: away.reason };
      if (saysInterrupted(error, away)) this.#interrupted = true;
      const ended = error && endOf(error);
      if (ended !== undefined && this.#followed.mend?.(ended.error) !== true) return ended;
      const least = away === undefined ? (error?.retryDelayMs ?? 0) : durationMs(away.retryDelay);
      const jitter = pauseMs(this.#environment.reconnect, this.#failures, this.#environment.random);
      this.#failures++;
      // "Zero means at once", but not in a circle.
      const pause = away !== undefined && least === 0 && this.#failures === 1 ? 0 : least + jitter;
      this.#set({ connection: "lost", retryTime: new Date(this.#environment.now() + pause) });
      // The first try when the network is back often comes too soon: the next one is to follow at once.
      if (await wakefulPause(this.#environment, least, pause, this.#signal)) this.#failures = 0;
      if (this.#signal.aborted) return undefined;
      this.#set({ connection: "lost" });
    }
  }

  /** Runs one stream to its end. */
  async #run(): Promise<GoAway | undefined> {
    const stream = (this.#stream = childOf(this.#signal));
    const start = (this.#lastFrame = this.#environment.now());
    let first = true;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let looked = start;
    // A stream begins with a frame at once: what takes longer was sent into nothing.
    const limit = () =>
      first ? Math.min(this.#environment.attemptTimeoutMs, 2 * this.#intervalMs) : 2 * this.#intervalMs;
    const watch = () => {
      clearTimeout(timer);
      const left = limit() - this.#silence();
      timer = setTimeout(look, Math.max(Math.min(left, lookEveryMs), 1));
    };
    const look = () => {
      const now = this.#environment.now();
      const slept = now - looked > lookEveryMs + sleptAfterMs;
      looked = now;
      if (this.#silence() >= limit() || (slept && this.#overdue())) {
        stream.abort(new KuplaError("the stream fell silent", { code: Code.Unavailable }));
      } else watch();
    };
    watch();
    try {
      for await (const frame of this.#followed.open(stream.signal)) {
        if (stream.signal.aborted) break; // What a dead stream still brings would come twice.
        this.#lastFrame = this.#environment.now();
        const step = this.#followed.take(frame);
        // A stream that is sent away before it brought anything never stood.
        if (first && step.away !== undefined) return step.away;
        if (first || this.#offline) {
          if (first) this.#interrupted = false; // a stream begins with what could be read just now
          first = false;
          this.#offline = false; // whatever the browser thinks
          this.#set({ connection: "open" });
        }
        if (step.interrupted !== undefined && step.interrupted !== this.#interrupted) {
          this.#interrupted = step.interrupted;
          this.#tell();
        }
        if (step.away !== undefined) return step.away;
        if (step.intervalMs !== undefined && step.intervalMs > 0) {
          // Less than a second would take a short delay on the way for a dead stream.
          this.#intervalMs = Math.max(step.intervalMs, 1_000);
          looked = this.#lastFrame;
          watch();
        }
      }
      stream.signal.throwIfAborted();
      throw new KuplaError("the stream ended unexpectedly", { code: Code.Unavailable });
    } catch (error) {
      // The transport may say no more than that it was cut.
      throw stream.signal.aborted && stream.signal.reason !== undefined ? stream.signal.reason : error;
    } finally {
      clearTimeout(timer);
      if (!first && this.#environment.now() - start >= healthyAfterMs) this.#failures = 0;
      stream.abort(); // or the connection would stay open
      this.#stream = undefined;
    }
  }

  /** Whether a frame should have come by now. */
  #overdue(): boolean {
    return this.#silence() > this.#intervalMs + 1_000;
  }

  /** For how long no frame has come. */
  #silence(): number {
    return this.#environment.now() - this.#lastFrame;
  }

  #wake(): void {
    this.#stream?.abort(new Woken("woken"));
  }

  #set(status: ConnectionStatus): void {
    this.#status = status;
    this.#tell();
  }

  #tell(): void {
    if (this.#offline) this.#followed.connection({ connection: "offline" });
    else if (this.#interrupted) this.#followed.connection({ ...this.#status, connection: "interrupted" });
    else this.#followed.connection(this.#status);
  }
}

/** Whether the service gave an interruption as the reason for refusing or ending a stream. */
function saysInterrupted(error: KuplaError | undefined, away: GoAway | undefined): boolean {
  return error?.reason === "UNAVAILABLE" || away?.reason === GoAwayReason.UNAVAILABLE;
}

/**
 * Why a refusal ends following, or undefined when it does not. Only the service's own verdict has a code that does:
 * a proxy's 404 is unavailable, see kuplaErrorOf.
 */
function endOf(error: KuplaError): (Ended & { error: KuplaError }) | undefined {
  switch (error.code) {
    case Code.Unauthenticated:
      return { reason: "unauthenticated", error };
    case Code.NotFound:
      return { reason: "not_found", error };
    case Code.PermissionDenied:
      return { reason: error.reason === "ACCESS_ENDED" ? GoAwayReason.ACCESS_ENDED : "failed", error };
    case Code.Unimplemented:
    case Code.InvalidArgument:
    case Code.FailedPrecondition:
    case Code.OutOfRange:
      return { reason: "failed", error };
    default:
      return undefined;
  }
}

/** A duration in milliseconds; 0 when there is none. */
export function durationMs(duration: Duration | undefined): number {
  return duration === undefined ? 0 : Math.max(msOf(duration), 0);
}
