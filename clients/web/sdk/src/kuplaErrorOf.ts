import { BinaryReader } from "@bufbuild/protobuf/wire";
import { Code, ConnectError } from "@connectrpc/connect";
import { KuplaError } from "./kuplaError.js";

/** Marks the reasons that are Kupla's own, not those of something on the way. */
const domain = "kupla";

/** Makes the error of a failed call one of this package. */
export function kuplaErrorOf(error: unknown): KuplaError {
  if (error instanceof KuplaError) return error;
  // What `fetch` throws without a network, and garbled answers, have no code of their own: nothing is known.
  const from = ConnectError.from(error, Code.Unavailable);
  let reason: string | undefined;
  let metadata: Record<string, string> = {};
  let retryDelayMs: number | undefined;
  for (const detail of from.details) {
    if (!("type" in detail)) continue;
    try {
      if (detail.type === "google.rpc.ErrorInfo") {
        const info = readErrorInfo(detail.value);
        if (info.domain === domain) ({ reason, metadata } = info);
      } else if (detail.type === "google.rpc.RetryInfo") {
        retryDelayMs = readRetryDelay(detail.value);
      }
    } catch {
      // A detail that cannot be read tells nothing.
    }
  }
  const fromService = reason !== undefined;
  // What a proxy says of a call is no verdict of the service: all that is known is that it did not get through.
  const own = fromService || from.code === Code.Canceled || from.code === Code.DeadlineExceeded;
  return new KuplaError(from.rawMessage, {
    code: own ? from.code : Code.Unavailable,
    reason,
    metadata,
    retryDelayMs: retryDelayMs ?? delayOf(metadata.retry_delay),
    fromService,
    cause: error,
  });
}

/**
 * Whether the outcome of a failed call is not known, or the service asks to try again. What came from something on the
 * way has a code of these, see {@link kuplaErrorOf}.
 */
export function worthRepeating(error: KuplaError): boolean {
  switch (error.code) {
    case Code.Unavailable:
    case Code.DeadlineExceeded:
    case Code.Canceled:
      return true;
    case Code.ResourceExhausted:
      return error.reason === "RATE_LIMITED" || error.reason === "OVERLOADED";
    default:
      return false;
  }
}

// The two messages of google.rpc are read by hand: their descriptors would weigh more than all of this file.

function readErrorInfo(bytes: Uint8Array): { reason: string; domain: string; metadata: Record<string, string> } {
  const info = { reason: "", domain: "", metadata: {} as Record<string, string> };
  eachField(bytes, (field, reader) => {
    if (field === 1) info.reason = reader.string();
    else if (field === 2) info.domain = reader.string();
    else if (field === 3) {
      let key = "";
      let value = "";
      eachField(reader.bytes(), (part, entry) => {
        if (part === 1) key = entry.string();
        else if (part === 2) value = entry.string();
        else return false;
        return true;
      });
      info.metadata[key] = value;
    } else return false;
    return true;
  });
  return info;
}

function readRetryDelay(bytes: Uint8Array): number {
  let ms = 0;
  eachField(bytes, (field, reader) => {
    if (field !== 1) return false;
    eachField(reader.bytes(), (part, duration) => {
      if (part === 1) ms += Number(duration.int64()) * 1000;
      else if (part === 2) ms += duration.int32() / 1e6;
      else return false;
      return true;
    });
    return true;
  });
  return Math.max(ms, 0);
}

/** Calls read for each field, which tells whether it took the field's value. */
function eachField(bytes: Uint8Array, read: (field: number, reader: BinaryReader) => boolean): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (!read(field, reader)) reader.skip(type, field);
  }
}

/** Reads a delay as the service writes it into its metadata ("1m30.5s"), or plain seconds as HTTP has them. */
function delayOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  const parts = /^(?:(\d+)h)?(?:(\d+)m)?(?:([\d.]+)s)?(?:([\d.]+)ms)?$/.exec(text);
  if (parts === null || text === "") return undefined;
  const [hours, minutes, seconds, ms] = parts.slice(1).map((part) => Number(part ?? 0));
  return ((hours ?? 0) * 3600 + (minutes ?? 0) * 60 + (seconds ?? 0)) * 1000 + (ms ?? 0);
}
