import { once } from "node:events";
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What the service refuses everything with. */
interface Refusal {
  readonly code: "unavailable" | "resource_exhausted";
  readonly status: number;
  readonly reason: string;
  readonly retryMs: number;
}

const unavailable: Refusal = { code: "unavailable", status: 503, reason: "UNAVAILABLE", retryMs: 1_000 };

/** The field of a stream's frame that a heartbeat is in, by the end of the stream's path. */
const heartbeatFields: Readonly<Record<string, number>> = { FollowConversation: 8, WatchQueues: 3 };

/**
 * Stands in front of the server and lets it look, from outside, like one that has lost its database: streams stay open
 * and say so, nothing new comes on them, and every call is refused. It can also refuse as one that has too much to do.
 */
export class InterruptingFront {
  /** The origin that the browser is to use. */
  origin = "";
  /** How many calls of a name were refused, such as "StartConversation". */
  readonly refused = new Map<string, number>();

  #refusal: Refusal | undefined;
  readonly #server: Server;
  readonly #streams = new Set<HeldStream>();

  private constructor(target: URL) {
    this.#server = createServer((req, res) => this.#serve(target, req, res));
  }

  /** Opens a front to a server. */
  static async create(target: string): Promise<InterruptingFront> {
    const front = new InterruptingFront(new URL(target));
    front.#server.listen(0, "127.0.0.1");
    await once(front.#server, "listening");
    front.origin = `http://127.0.0.1:${(front.#server.address() as AddressInfo).port}`;
    return front;
  }

  /** The database is gone. */
  interrupt(): void {
    this.#refusal = unavailable;
    for (const stream of this.#streams) stream.hold();
  }

  /** The database is back. */
  restore(): void {
    this.#refusal = undefined;
    for (const stream of this.#streams) stream.release();
  }

  /** The service has too much to do: it refuses calls, and asks to be let be for so long. Its streams go on. */
  overload(retryMs: number): void {
    this.#refusal = { code: "resource_exhausted", status: 429, reason: "OVERLOADED", retryMs };
  }

  /** Ends the front. */
  async close(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  #serve(target: URL, req: IncomingMessage, res: ServerResponse): void {
    const call = /^\/kupla\.v1\.\w+\/(\w+)$/.exec(req.url ?? "")?.[1];
    if (call !== undefined && this.#refusal !== undefined) {
      this.refused.set(call, (this.refused.get(call) ?? 0) + 1);
      refuse(req, res, this.#refusal);
      return;
    }
    const upstream = request(
      { host: target.hostname, port: target.port, path: req.url, method: req.method, headers: req.headers },
      (answer) => {
        res.writeHead(answer.statusCode ?? 502, answer.headers);
        res.flushHeaders();
        const field = heartbeatFields[call ?? ""];
        if (field === undefined) {
          answer.pipe(res);
          return;
        }
        const stream = new HeldStream(res, field);
        this.#streams.add(stream);
        res.on("close", () => this.#streams.delete(stream));
        answer.on("data", (bytes: Buffer) => stream.take(bytes));
        answer.on("end", () => res.end());
        answer.on("error", () => res.destroy());
        if (this.#refusal === unavailable) stream.hold();
      },
    );
    upstream.on("error", () => res.destroy());
    res.on("close", () => upstream.destroy());
    req.pipe(upstream);
  }
}

/** The frames of one stream on their way to a browser, which can be held back. */
class HeldStream {
  readonly #res: ServerResponse;
  readonly #field: number;
  #bytes = Buffer.alloc(0);
  #held = false;

  constructor(res: ServerResponse, field: number) {
    this.#res = res;
    this.#field = field;
  }

  take(bytes: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    if (!this.#held) this.#flush();
  }

  hold(): void {
    if (this.#held) return;
    this.#held = true;
    this.#beat(true);
  }

  release(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#flush();
    this.#beat(false);
  }

  /** Writes the whole frames: what is put in between must not come into the middle of one. */
  #flush(): void {
    while (this.#bytes.length >= 5) {
      const end = 5 + this.#bytes.readUInt32BE(1);
      if (this.#bytes.length < end) return;
      this.#res.write(this.#bytes.subarray(0, end));
      this.#bytes = this.#bytes.subarray(end);
    }
  }

  #beat(interrupted: boolean): void {
    const heartbeat = interrupted ? [0x10, 1] : []; // Heartbeat.interrupted, its second field
    const frame = [(this.#field << 3) | 2, heartbeat.length, ...heartbeat];
    this.#res.write(envelope(0, Buffer.from(frame)));
  }
}

/** Refuses as the service does: a call by its status, a stream in its last frame. */
function refuse(req: IncomingMessage, res: ServerResponse, { code, status, reason, retryMs }: Refusal): void {
  const info = Buffer.concat([text(1, reason), text(2, "kupla")]);
  const delay = Buffer.from([0x08, Math.floor(retryMs / 1000)]); // Duration.seconds
  const error = {
    code,
    message: "made up by the test",
    details: [
      { type: "google.rpc.ErrorInfo", value: info.toString("base64") },
      {
        type: "google.rpc.RetryInfo",
        value: Buffer.concat([Buffer.from([0x0a, delay.length]), delay]).toString("base64"),
      },
    ],
  };
  req.resume();
  const type = req.headers["content-type"] ?? "";
  if (type.startsWith("application/connect+")) {
    res.writeHead(200, { "content-type": type });
    res.end(envelope(2, Buffer.from(JSON.stringify({ error }))));
  } else {
    res.writeHead(status, { "content-type": "application/json" });
    res.end(JSON.stringify(error));
  }
}

/** A frame of Connect's streams. */
function envelope(flags: number, message: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(flags);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** A short text as a field of a message. */
function text(field: number, value: string): Buffer {
  return Buffer.concat([Buffer.from([(field << 3) | 2, value.length]), Buffer.from(value)]);
}
