import type { Code } from "@connectrpc/connect";

/** A call that failed: refused by the service, or given up without an answer. */
export class KuplaError extends Error {
  override readonly name = "KuplaError";
  /** The kind of failure. */
  readonly code: Code;
  /** The service's reason, an ErrorReason without its prefix, such as "QUEUE_CLOSED". Undefined when it gave none. */
  readonly reason: string | undefined;
  /** What the service says about it, by name, such as "phone" or "next_opening_time". */
  readonly metadata: Readonly<Record<string, string>>;
  /** How long the service asks to wait before the next try, in milliseconds. */
  readonly retryDelayMs: number | undefined;
  /** Whether the service itself answered, rather than something on the way to it, or nobody. */
  readonly fromService: boolean;

  constructor(
    message: string,
    init: {
      code: Code;
      reason?: string | undefined;
      metadata?: Readonly<Record<string, string>> | undefined;
      retryDelayMs?: number | undefined;
      fromService?: boolean | undefined;
      cause?: unknown;
    },
  ) {
    super(message, { cause: init.cause });
    this.code = init.code;
    this.reason = init.reason;
    this.metadata = init.metadata ?? {};
    this.retryDelayMs = init.retryDelayMs;
    this.fromService = init.fromService ?? false;
  }
}

/** A KuplaError as it is kept and handed from tab to tab. */
export interface PlainError {
  readonly message: string;
  readonly code: Code;
  readonly reason?: string | undefined;
  readonly metadata: Readonly<Record<string, string>>;
  readonly retryDelayMs?: number | undefined;
  readonly fromService: boolean;
}

/** Makes an error one that can be kept. Its cause stays behind. */
export function plainOf(error: KuplaError): PlainError {
  const { message, code, reason, metadata, retryDelayMs, fromService } = error;
  return { message, code, reason, metadata, retryDelayMs, fromService };
}

/** Makes a kept error an error again. */
export function errorOf(plain: PlainError): KuplaError {
  return new KuplaError(plain.message, plain);
}
